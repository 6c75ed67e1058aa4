import contextlib
import errno
import resource
from pathlib import Path

import pytest
import zmq

from pipeline.addresses import endpoint, stream_ports
from pipeline.config import RunConfig, RuntimeConfig, SinkConfig
from pipeline.reports import StreamMetrics
from pipeline.supervision.monitor import RunMonitor
from pipeline.supervision.process import StageProcess
from pipeline.supervision.roster import Roster
from pipeline.transport.logbook import SharedNumber
from stages.decoder.locations import SourceSpec
from stages.errors import ConfigError
from stages.measurements import ZoneCounts


@pytest.fixture
def begin_due(run_folder):
    """Begins the due streams of a roster; returns the names of all that are running."""
    rosters = []

    def begin_due(roster):
        rosters.append(roster)
        for spec in roster.due():
            decoder = StageProcess("decoder", lambda: None, 60.0, 5)
            roster.begin(spec, decoder, run_folder, context, only_one=False)
        return list(roster.running)

    with zmq.Context() as context:
        yield begin_due
        for roster in rosters:
            for name in list(roster.running):
                roster.end(name)


@pytest.fixture
def make(tmp_path, begin_due):
    """Makes a roster, and a function that begins one of its streams."""

    def make(runtime=None, monitor=None, sink=None):
        config = RunConfig(runtime=runtime or RuntimeConfig(), sink=sink or SinkConfig())
        roster = Roster([], tmp_path, config, monitor or RunMonitor())

        def begin(name, location="scene://demo"):
            roster.add(location, name)
            begin_due(roster)
            return roster.running[name].plan

        return roster, begin

    return make


def test_memory_is_bounded_however_many_streams_were_run(make):
    roster, begin = make()
    for number in range(200):
        name = f"demo-{number}"
        roster.fail(name, begin(name).location, "no such scene")
        assert roster.end(name).logbook[SharedNumber.RELEASED]
    assert not roster
    assert [view.name for view in roster.views()] == [f"demo-{n}" for n in range(100, 200)]
    kept = [held for held in vars(roster).values() if hasattr(held, "__len__")]
    assert sum(map(len, kept)) == 100


def test_stream_setup_is_undone_when_descriptors_run_out(tmp_path, run_folder, descriptors_left):
    roster = Roster([], tmp_path, RunConfig(), RunMonitor())
    with zmq.Context() as context, context.socket(zmq.PUSH):
        roster.add("scene://demo", "demo")
        (spec,) = roster.due()
        decoder = StageProcess("decoder", lambda: None, 60.0, 5)
        for left in range(4):  # two memory files, one to write there, one for the socket
            descriptors_left(left)
            with pytest.raises((OSError, zmq.ZMQError), match="Too many open files"):
                roster.begin(spec, decoder, run_folder, context, only_one=False)
            descriptors_left(8)
            assert [path.name for path in Path(run_folder.path).iterdir()] == ["lock"]
            assert not any("memfd:spotstream-demo" in target for target in open_files())
        roster.begin(spec, decoder, run_folder, context, only_one=False)
        roster.end("demo")


def open_files():
    targets = []
    for file in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):
            targets.append(str(file.readlink()))
    return targets


@pytest.mark.parametrize(("overlay", "limit"), [(True, 70), (False, 64)])
def test_descriptor_limit_bounds_the_number_of_streams(make, monkeypatch, overlay, limit):
    roster, begin = make(sink=SinkConfig(overlay=overlay))
    monkeypatch.setattr(resource, "getrlimit", lambda _: (limit, limit))
    begin("north")
    begin("south")
    with pytest.raises(OSError, match=f"{limit} open files is enough for 2 streams"):
        begin("east")
    roster.end("south")
    begin("west")


def test_files_start_a_few_at_a_time_and_cameras_at_once(make, begin_due):
    roster, _ = make(RuntimeConfig(parallel_streams=2))
    for name in ("a", "b", "c"):
        roster.add("scene://demo", name)
    for name in ("north", "south", "west"):
        roster.add("rtsp://camera/live", name)
    assert begin_due(roster) == ["a", "b", "north", "south", "west"]
    assert begin_due(roster) == ["a", "b", "north", "south", "west"]
    roster.end("a")
    assert begin_due(roster) == ["b", "north", "south", "west", "c"]


def test_roster_is_true_while_a_stream_waits_or_runs(make, begin_due):
    roster, _ = make()
    assert not roster
    roster.add("scene://demo", "demo")
    assert roster
    assert begin_due(roster) == ["demo"]
    assert roster
    roster.end("demo")
    assert not roster


def test_name_of_a_waiting_or_running_stream_is_refused_for_another(make, begin_due):
    roster, _ = make()
    roster.add("scene://demo", "demo")
    for _ in ("waiting", "running"):
        with pytest.raises(ConfigError, match="a stream demo is running already"):
            roster.add("scene://demo", "demo")
        assert begin_due(roster) == ["demo"]


def test_roster_is_completing_while_any_stream_is(make):
    roster, begin = make()
    for name in ("north", "south"):
        begin(name)
    assert not roster.completing
    roster.running["south"].completing = True
    assert roster.completing


def test_every_failed_stream_of_a_large_run_stays_listed(tmp_path):
    specs = [SourceSpec(f"demo-{number}", "scene://demo") for number in range(150)]
    roster = Roster(specs, tmp_path, RunConfig(), RunMonitor())
    for spec in roster.due():
        roster.fail(spec.name, spec.location, "no such scene")
    assert [view.name for view in roster.views()] == [spec.name for spec in specs]


def test_waiting_streams_are_dropped_on_removal_or_stop(make):
    roster, _ = make()
    for name in ("north", "south"):
        roster.add("scene://demo", name)
    roster.remove("north")
    assert roster.unfinished == ["south"]
    roster.stop()
    assert not roster


@pytest.mark.parametrize(
    ("mode", "location", "is_lossless"),
    [
        ("auto", "scene://demo", True),
        ("auto", "rtsp://camera/live", False),
        ("live", "scene://demo", False),
        ("lossless", "rtsp://camera/live", True),
    ],
)
def test_only_live_streams_lose_frames_by_default(make, mode, location, is_lossless):
    roster, begin = make(RuntimeConfig(mode=mode))
    begin("cam", location)
    assert roster.running["cam"].logbook[SharedNumber.LOSSLESS] == is_lossless


def test_stream_view_never_shows_the_camera_password(make, begin_due):
    def view():
        [view] = roster.views()
        return view.state, view.source

    roster, _ = make()
    roster.add("rtsp://me:s3cret@camera/live", "cam")
    assert view() == ("waiting", "rtsp://camera/live")
    begin_due(roster)
    assert view() == ("connecting", "rtsp://camera/live")
    roster.fail("cam", roster.running["cam"].plan.location, "no such camera")
    assert view() == ("connecting", "rtsp://camera/live")  # until its results are complete
    roster.end("cam")
    assert view() == ("failed", "rtsp://camera/live")


@pytest.mark.parametrize(
    "again",
    [lambda roster: roster.remove("demo"), lambda roster: roster.add("scene://demo", "demo")],
)
def test_failure_is_forgotten_when_a_stream_is_removed_or_added_again(make, again):
    monitor = RunMonitor()
    roster, begin = make(monitor=monitor)
    roster.fail("demo", begin("demo").location, "no such scene")
    roster.end("demo")
    assert monitor.counts().failures == {"demo": 1}
    again(roster)
    assert monitor.counts().failures == {}


def test_failed_stream_shows_no_vehicles_in_its_zones(tmp_path, logbook):
    monitor = RunMonitor()
    monitor.begun("cam", logbook)
    zones = {"stop": ZoneCounts(9, 2)}
    monitor.record_metrics(
        "cam", StreamMetrics(frames=5, dropped={}, connections=1, durations={}, zones=zones)
    )
    roster = Roster([], tmp_path, RunConfig(), monitor)
    roster.fail("cam", "rtsp://cam", "the folder was removed")
    [view] = roster.views()
    assert (view.state, view.frames, view.zones) == ("failed", 5, {"stop": ZoneCounts(9, 0)})


def test_failed_stream_shows_no_stuck_outputs(tmp_path, logbook):
    monitor = RunMonitor()
    monitor.begun("cam", logbook)
    faults = {"overlay_is_stuck": True, "overlay_is_unsent": True}
    monitor.record_metrics(
        "cam", StreamMetrics(frames=5, dropped={}, connections=1, durations={}, **faults)
    )
    logbook[SharedNumber.RECORDING_STUCK] = 1
    roster = Roster([], tmp_path, RunConfig(), monitor)
    roster.fail("cam", "rtsp://cam", "the folder was removed")
    [view] = roster.views()
    assert (view.overlay_is_stuck, view.overlay_is_unsent, view.recording_is_stuck) == (False,) * 3


def test_removed_stream_is_shown_as_stopping_until_it_ends(make):
    roster, begin = make()
    begin("demo")
    roster.remove("demo")
    assert [view.state for view in roster.views()] == ["stopping"]


def test_failed_stream_shows_all_frames_of_its_completed_results(make):
    monitor = RunMonitor()
    roster, begin = make(monitor=monitor)

    def take(frames):
        monitor.record_metrics(
            "cam", StreamMetrics(frames=frames, dropped={}, connections=1, durations={})
        )

    plan = begin("cam", "rtsp://north/live")
    take(5)
    roster.fail("cam", plan.location, "no detector takes it")
    take(9)
    roster.end("cam")
    [view] = roster.views()
    assert (view.state, view.frames, view.fps) == ("failed", 9, 0.0)
    assert (view.source, view.error) == ("rtsp://north/live", "no detector takes it")
    assert monitor.counts().failures == {"cam": 1}


def test_ports_of_ended_streams_are_reused_after_all_others(make):
    runtime = RuntimeConfig(transport="tcp", port=65000)
    ports = stream_ports(runtime)
    roster, begin = make(runtime)
    channels = [begin("stays").channel]
    for number in range(ports + 5):
        channels.append(begin(f"clip-{number}").channel)
        roster.end(f"clip-{number}")
    assert len(set(channels)) == len(channels)  # so late messages reach no other stream
    addresses = [endpoint("", runtime, f"ack-{channel}") for channel in channels]
    assert addresses.count(addresses[0]) == 1  # its stream keeps running
    assert len(set(addresses)) == ports
    assert addresses[1] == addresses[ports]
    assert max(addresses) == "tcp://127.0.0.1:65535"


def test_port_of_a_running_stream_is_never_given_to_another(make, monkeypatch):
    monkeypatch.setattr("pipeline.supervision.roster.stream_ports", lambda runtime: 3)
    roster, begin = make(RuntimeConfig(transport="tcp"))
    running = {}
    for number in range(12):
        if len(running) == 3:  # all but the fourth stream end at some time
            ended = next(name for name in running if name != "3")
            del running[ended]
            roster.end(ended)
        running[str(number)] = begin(str(number)).channel % 3
        assert len(set(running.values())) == len(running)


def test_ports_in_use_by_others_are_skipped(make, monkeypatch):
    _, begin = make(RuntimeConfig(transport="tcp", port=64900))
    others = {"tcp://127.0.0.1:64968", "tcp://127.0.0.1:64969"}
    monkeypatch.setattr("pipeline.supervision.roster.is_taken", lambda address: address in others)
    assert [begin(name).channel for name in ("east", "west")] == [0, 3]


def test_stream_is_refused_when_all_ports_are_in_use(make, monkeypatch):
    _, begin = make(RuntimeConfig(transport="tcp", port=64900))
    monkeypatch.setattr("pipeline.supervision.roster.is_taken", lambda address: True)
    with pytest.raises(OSError, match=r"all 569 ports .* are in use") as refused:
        begin("east")
    assert refused.value.errno == errno.EADDRINUSE


def test_stream_waits_for_a_free_port(tmp_path, monkeypatch, run_folder):
    monkeypatch.setattr("pipeline.supervision.roster.stream_ports", lambda runtime: 1)
    roster = Roster([], tmp_path, RunConfig(runtime=RuntimeConfig(transport="tcp")), RunMonitor())
    for name in ("north", "south"):
        roster.add("scene://demo", name)
    with zmq.Context() as context:
        for name in ("north", "south"):
            decoder = StageProcess("decoder", lambda: None, 60.0, 5)
            for spec in roster.due():
                roster.begin(spec, decoder, run_folder, context, only_one=False)
            assert list(roster.running) == [name]
            roster.end(name)
