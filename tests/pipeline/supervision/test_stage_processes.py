import os
import shutil
import signal
import time
from types import SimpleNamespace

import pytest
import zmq

from pipeline.config import DecoderConfig, DetectorConfig, RunConfig, RuntimeConfig
from pipeline.plan import STAGE_ENDED, WorkerPlan
from pipeline.reports import Failed, Ready
from pipeline.supervision import stage_processes
from pipeline.supervision.monitor import RunMonitor
from pipeline.supervision.process import StageProcess
from pipeline.supervision.roster import Roster
from pipeline.supervision.stage_processes import StageProcesses
from pipeline.transport.logbook import SharedNumber
from stages.decoder.locations import SourceSpec
from stages.errors import SpotStreamError
from tests.waiting import wait_for


class Stuck:
    """A process that has to be killed."""

    asked = False

    def ask_to_end(self):
        self.asked = True

    def end(self, seconds):
        assert self.asked
        self.waited = seconds
        time.sleep(seconds)


class Waiting:
    """A process that is due."""

    state = "waiting"
    starts = 0

    def start_if_due(self):
        self.starts += 1
        return True


@pytest.fixture
def make_processes(tmp_path):
    def make(config=None, roster=None, **options):
        config, logs = config or RunConfig(), {"debug": False, "json_log": False}
        return StageProcesses(config, tmp_path, roster, **logs, **options)

    return make


@pytest.fixture
def roster(tmp_path):
    return Roster([], tmp_path, RunConfig(), RunMonitor())


@pytest.fixture
def release(monkeypatch):
    """Returns a function that sets the installed release."""

    def install(version):
        monkeypatch.setattr(stage_processes, "installed_release", lambda: version)

    install("1.0")
    return install


@pytest.mark.parametrize(
    ("stage", "detectors", "stream", "role", "name"),
    [
        ("sink", 2, "", "sink", "sink"),
        ("detector", 2, "", "detector 2", "detector 2"),
        ("detector", 1, "", "detector", "detector"),
        ("decoder", 2, "north", "decoder", "decoder of north"),
    ],
)
def test_process_is_named_by_its_role_and_stream(
    make_processes, stage, detectors, stream, role, name
):
    processes = make_processes(RunConfig(detector=DetectorConfig(workers=detectors)))
    made = processes.make(stage, detectors - 1 if stage == "detector" else 0, stream)
    assert (made.role, made.stream, made.name) == (role, stream, name)


@pytest.mark.parametrize(
    ("location", "place"),
    [("http://host/clip.mp4", 7), ("clip.mp4", 7), ("rtsp://host/live", None)],
)
def test_only_decoders_of_files_have_a_progress_position(
    make_processes, roster, run_folder, location, place
):
    spec = SourceSpec("cam", location)
    decoder = make_processes(roster=roster).make("decoder", stream="cam")
    with zmq.Context() as context:
        roster.begin(spec, decoder, run_folder, context, only_one=True)
        roster.running["cam"].logbook[SharedNumber.SEQUENCE] = 7
        assert decoder._progress() == place
        roster.end("cam")
    assert decoder._progress() is None  # it may still have to be killed


def test_progress_of_shared_stages_is_the_total_acknowledged(make_processes, roster, run_folder):
    processes = make_processes(roster=roster)
    detector = processes.make("detector")
    assert detector._progress() is None
    with zmq.Context() as context:
        for name in ("north", "south"):
            decoder = processes.make("decoder", stream=name)
            spec = SourceSpec(name, f"rtsp://{name}/live")
            roster.begin(spec, decoder, run_folder, context, only_one=False)
        north, south = (stream.logbook for stream in roster.running.values())
        assert detector._progress() is None
        for position in range(5):
            north.keep(position, b"record")
        assert detector._progress() == 0
        north[SharedNumber.ACKNOWLEDGED] = 4
        south[SharedNumber.ACKNOWLEDGED] = 3
        assert detector._progress() == 7
        north[SharedNumber.ACKNOWLEDGED] = 5
        assert detector._progress() is None
        for name in ("north", "south"):
            roster.end(name)


def test_death_report_names_the_process_that_died(make_processes, roster, run_folder, worker_is):
    worker_is("exec sleep 300\n")
    config = RunConfig(detector=DetectorConfig(workers=2))
    processes = make_processes(config, roster=roster)
    processes.make_shared(run_folder.path)
    decoder = processes.make("decoder", stream="cam")
    with zmq.Context() as context:
        spec = SourceSpec("cam", "rtsp://cam/live")
        roster.begin(spec, decoder, run_folder, context, only_one=True)
        for process in processes.start_due():
            process.heard(Ready(process.stage))
        for process in processes.all():
            if process.name in ("detector 2", "decoder of cam"):
                process._process.kill()
                process._process.wait()
        deaths = processes.deaths()
        assert processes.deaths() == []
        processes.kill_all()
        roster.end("cam")
    found = [(death.stage, death.worker, death.stream, death.event) for death in deaths]
    assert found == [("detector", 1, "", "restart"), ("decoder", 0, "cam", "restart")]


def test_final_death_is_reported_with_the_unfinished_streams(
    make_processes, roster, run_folder, worker_is
):
    def death_of_the_sink():
        os.kill(processes.sink.pid, signal.SIGTERM)
        [death] = wait_for(processes.deaths)
        return death

    worker_is("exec sleep 300\n")
    for name in ("north", "south"):
        roster.add("scene://demo", name)
    processes = make_processes(roster=roster)
    processes.make_shared(run_folder.path)
    processes.start_due()
    died = "the sink was killed by signal 15"
    assert death_of_the_sink().message == f"{died}; starting it again"
    wait_for(processes.start_due)
    shutil.rmtree(run_folder.path)
    death = death_of_the_sink()
    assert isinstance(death, Failed)
    assert death.message == (
        f"{died}; it cannot be replaced: the run's folder {run_folder.path} was removed; set "
        "TMPDIR to a folder that nobody clears; started again 1 time before; not finished: north, "
        "south"
    )
    processes.kill_all()


def test_shared_processes_are_ready_together_and_the_sink_can_be_spared(
    make_processes, roster, run_folder, worker_is
):
    worker_is("exec sleep 300\n")
    processes = make_processes(roster=roster)
    assert not processes.are_ready
    processes.make_shared(run_folder.path)
    for process in processes.start_due():
        assert not processes.are_ready
        process.heard(Ready(process.stage))
    assert processes.are_ready
    processes.kill_all(but=processes.sink)
    assert list(processes.ids()) == ["sink"]
    processes.kill_all()
    assert processes.ids() == {}


def test_stuck_processes_share_one_deadline(make_processes, monkeypatch):
    monkeypatch.setattr(stage_processes, "_END_SECONDS", 0.05)
    stuck = [Stuck(), Stuck(), Stuck()]
    monkeypatch.setattr(StageProcesses, "all", lambda self: stuck)
    make_processes().end_all()
    assert [each.waited > 0 for each in stuck] == [True, False, False]


def test_decoder_of_an_ended_stream_is_waited_for_too(make_processes, monkeypatch):
    monkeypatch.setattr(stage_processes, "_END_SECONDS", 0.05)
    monkeypatch.setattr(StageProcesses, "all", lambda self: [])
    processes = make_processes()
    decoder = Stuck()
    decoder.asked = True  # by its stream
    processes.let_end(decoder)
    processes.end_all()
    assert decoder.waited > 0


def test_decoder_of_an_ended_stream_is_tracked_only_while_it_lives(make_processes, worker_is):
    plan = WorkerPlan(stage="decoder", config=RunConfig(), streams=[], output="out", sockets="s")
    roster = SimpleNamespace(running={})
    processes = make_processes(roster=roster)

    def begin():
        decoder = StageProcess("decoder", lambda: plan, 60.0, 5)
        assert decoder.start_if_due()
        return decoder

    worker_is(f"exit {STAGE_ENDED}\n")
    ended = begin()
    ended._process.wait()
    worker_is("exec sleep 300\n")
    killed, dead, alive = begin(), begin(), begin()
    for decoder in (killed, dead):
        decoder._process.kill()
        decoder._process.wait()
    assert dead.check()
    assert dead.state == "waiting"  # for a successor, but its stream ends instead
    for decoder in (ended, killed, dead, alive):
        processes.let_end(decoder)
    assert processes.deaths() == []
    assert processes._ending == [alive]
    alive.kill()


@pytest.mark.parametrize(("timeout", "silence"), [(5.0, 30.0), (20.0, 80.0)])
def test_decoder_may_be_silent_while_it_waits_for_its_source(make_processes, timeout, silence):
    """A packet of a live source may take three timeouts; no other stage waits for one."""
    config = RunConfig(
        decoder=DecoderConfig(timeout=timeout), runtime=RuntimeConfig(silence_seconds=30.0)
    )
    processes = make_processes(config)
    assert processes.make("decoder", stream="north")._silence_seconds == silence
    assert processes.make("sink")._silence_seconds == 30.0


def test_nothing_starts_while_the_program_is_being_replaced(make_processes, monkeypatch, release):
    now, due = [0.0], Waiting()
    monkeypatch.setattr(StageProcesses, "all", lambda self: [due])
    processes = make_processes(clock=lambda: now[0])
    for again in range(3):
        release("")
        now[0] += 1000.0
        assert processes.start_due() == []
        now[0] += 59.0
        assert (processes.start_due(), due.starts) == ([], again)
        release("1.0")
        assert (processes.start_due(), due.starts) == ([due], again + 1)
    release("")
    assert processes.start_due() == []
    release("1.1")
    with pytest.raises(SpotStreamError, match=r"^SpotStream 1\.0 was replaced by 1\.1 under"):
        processes.start_due()


def test_program_not_replaced_within_a_minute_counts_as_removed(
    make_processes, monkeypatch, release
):
    now, due = [0.0], Waiting()
    monkeypatch.setattr(StageProcesses, "all", lambda self: [due])
    processes = make_processes(clock=lambda: now[0])
    release("")
    due.state = "ready"
    assert processes.start_due() == [due]  # nothing waits, so no release is looked up
    now[0] = 1000.0
    due.state = "waiting"
    assert processes.start_due() == []
    now[0] += 60.0
    with pytest.raises(SpotStreamError, match=r"^SpotStream 1\.0 was removed under this run$"):
        processes.start_due()
