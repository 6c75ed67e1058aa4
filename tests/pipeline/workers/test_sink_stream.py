"""Streams in the sink, which go on while the results of another are completed."""

import threading
from fractions import Fraction
from pathlib import Path

import av
import pytest

from pipeline.config import RunConfig, RuntimeConfig, SinkConfig
from pipeline.transport.logbook import Logbook
from pipeline.transport.messages import decode
from pipeline.workers.envelope_journal import read_envelopes
from pipeline.workers.publisher import Publisher
from stages.records import EndOfStream
from stages.result_files import read_report
from stages.sink import stream_results
from stages.sink.folder_contents import JOURNAL
from tests.pipeline.workers.conftest import NAMES, RATE, Said, acknowledge, acknowledged, end, feed
from tests.stages.sink.stream import TEXTS
from tests.videos import frames_in
from tests.waiting import wait_for
from tools.harness.ports import free_port


@pytest.fixture
def release(monkeypatch):
    """Reports are written when this is set."""
    released = threading.Event()

    class SlowReport(stream_results.AtomicFile):
        def complete(self):
            if self.path.name == "run.json":
                assert released.wait(100)
            super().complete()

    monkeypatch.setattr(stream_results, "AtomicFile", SlowReport)
    yield released
    released.set()


def test_a_stream_goes_on_while_the_results_of_another_are_completed(sink, said, release):
    north, south = (sink(name, live=False) for name in NAMES)
    feed(north, 3)
    end(north, 3)
    feed(south, 5)
    acknowledge(south, lambda: acknowledged(south) == 6)
    acknowledge(north, lambda: acknowledged(north) == 4)  # all but the end
    assert ("done", "north") not in said
    release.set()
    acknowledge(north, lambda: ("done", "north") in said)
    assert acknowledged(north) == 5
    assert [kind for kind, name in said if name == "north"][-2:] == ["completing", "done"]
    files = {path.name for path in north.folder.iterdir()}
    assert files == {*TEXTS, "overlay.mp4", "run.json", ".journal.part", ".run.part"}


def test_a_picture_that_an_mp4_cannot_hold_costs_the_rest_of_the_overlay_alone(sink, said):
    stream = sink(live=False)
    feed(stream, 4, Fraction(1, 10**9), [0, 1, 2, 3 * 10**9])
    end(stream, 4)
    acknowledge(stream, lambda: ("done", "north") in said)
    overlay = stream.folder / "overlay.mp4"
    reason = "the next does not fit into an MP4"
    assert said.notices == [f"{overlay} ends after 2 of 4 frames: {reason}"]
    assert frames_in(overlay) == 2


def test_giving_up_waits_for_the_results_that_are_being_completed(sink, said, release):
    stream = sink(live=False)
    feed(stream, 3)
    end(stream, 3)
    threading.Timer(0.1, release.set).start()
    stream.give_up("the run broke off")
    assert said[-3:] == [("completing", "north"), ("busy", ""), ("done", "north")]


@pytest.mark.parametrize("live", [True, False])
def test_the_overlay_of_a_live_stream_alone_is_sent(sink, said, monkeypatch, live):
    monkeypatch.setattr("pipeline.workers.sink_progress._METRICS_NS", 0)
    address = f"rtsp://127.0.0.1:{free_port()}"
    config = RunConfig(sink=SinkConfig(overlay_url={"*": address}))
    stream = sink(live=live, config=config)
    feed(stream, 3)
    acknowledge(stream, lambda: acknowledged(stream) == 4)
    if live:
        acknowledge(stream, lambda: said.notices)
    stream.tick()
    assert (stream._live_overlay._thread is not None) is live
    assert said.metrics.overlay_is_unsent is live
    assert ["is not sent to " + address in notice for notice in said.notices] == [True] * live


def test_a_live_stream_goes_on_without_pictures_while_the_disk_takes_none(
    sink, plan, said, disk, monkeypatch
):
    monkeypatch.setattr("pipeline.workers.sink_progress._METRICS_NS", 0)
    stream = sink(live=True)
    assert stream.results.options == plan.config.sink.options("north", live=True)
    feed(stream, 2)
    acknowledge(stream, lambda: acknowledged(stream) == 3)
    disk.hang()
    feed(stream, 10, begin=2)
    disk.wait_for_write()
    stream.advance()
    assert acknowledged(stream) == 3
    for _ in range(6):
        stream.tick()
    assert said.metrics.overlay_is_stuck
    assert said.metrics.left_out_of_overlay == 7
    assert acknowledged(stream) == 11
    feed(stream, 14, begin=10)
    stream.advance()
    assert acknowledged(stream) == 15
    disk.work()
    acknowledge(stream, lambda: stream.results.overlays.kept == 3)
    stream.tick()
    feed(stream, 16, begin=14)
    acknowledge(stream, lambda: acknowledged(stream) == 17)
    assert said.notices == [
        "the overlay of north is stuck: nothing was written; frames are left out of it",
        "the overlay of north has resumed",
    ]
    other = sink(live=True)  # the first one was killed
    feed(other, 18, begin=16)
    end(other, 18)
    acknowledge(other, lambda: ("done", "north") in said)
    frames = read_report(other.folder)["frames"]
    assert (frames["out"], frames["left_out_of_overlay"]) == (18, 11)
    with av.open(str(other.folder / "overlay.mp4")) as container:
        shown = [round(frame.time * RATE) for frame in container.decode(video=0)]
    assert shown == [0, 1, 2, 14, 15, 16, 17]


def test_a_stream_that_no_decoder_can_end_is_completed_where_it_is(sink, plan, said):
    stream = sink(live=False)
    feed(stream, 3)
    Logbook(plan.logbook(0)).abandon("the frames are too large")
    stream.tick()
    feed(stream, 5, begin=3)  # was under way
    acknowledge(stream, lambda: ("done", "north") in said)
    report = read_report(stream.folder)
    assert (report["status"], report["frames"]["out"]) == ("truncated", 3)
    assert report["message"] == "the frames are too large"
    stream.close()
    assert (stream.folder / "mot.txt").exists()


def test_a_sink_counts_on_where_its_predecessor_was_killed(sink):
    stream = sink(live=False)
    feed(stream, 6)
    acknowledge(stream, lambda: acknowledged(stream) == 7)
    other = sink(live=False)
    assert other.results.timing == stream.results.timing
    assert len(other.results.timing.work["sink"]) == 5


def test_latencies_of_late_are_also_those_that_its_predecessor_measured(sink, said):
    stream = sink(live=False, said=Said())
    feed(stream, 6)
    acknowledge(stream, lambda: acknowledged(stream) == 7)
    written = [entry.written for entry in read_envelopes(stream.folder / JOURNAL)]
    other = sink(live=False)
    feed(other, 7, begin=6)
    assert said.metrics.frames == 7
    assert said.metrics.recent_latency_ms[0] == written[4].latency_ns / 1e6  # the start is 0


def test_latencies_of_late_are_those_of_the_results(sink, said):
    """However long writing them, or the web page's pictures, took."""
    config = RunConfig(runtime=RuntimeConfig(web="127.0.0.1:8080"))
    stream = sink(live=False, config=config)
    feed(stream, 6)
    stream.tick()
    written = [entry.written for entry in read_envelopes(stream.folder / JOURNAL)]
    latencies = sorted(each.latency_ns / 1e6 for each in written if each is not None)
    assert said.metrics.recent_latency_ms[-1] in latencies
    assert ("snapshot", "north") in said


def test_a_sink_publishes_the_last_records_of_the_journal_again(sink, plan, release):
    sent = []

    class Broadcast:
        def send(self, parts, *, now=False):
            envelope = decode(parts)
            sent.append((envelope.run, envelope.position, type(envelope.record), now))

    def published():
        told, sent[:] = list(sent), []
        return told

    publisher = Publisher(Broadcast(), plan.run, 0)
    stream = sink(live=False, publisher=publisher)
    feed(stream, 40, pts=range(40))
    acknowledge(stream, lambda: acknowledged(stream) == 41)
    end(stream, 40)
    before = published()
    assert [position for _, position, _, _ in before] == [*range(42)]
    assert before[-1] == (plan.run, 41, EndOfStream, True)
    wait_for((stream.folder / ".run.json.part").exists)  # the first one is killed there
    sink(live=False, publisher=publisher)
    assert published() == before[41 - 16 :]  # a logbook's entries before the first that waits
    release.set()


def test_a_lossless_stream_waits_for_its_overlay_and_holds_up_no_other(sink, plan, said, disk):
    north, south = (sink(name, live=False) for name in NAMES)
    assert north.results.options == plan.config.sink.options("north", live=False)
    disk.hang()
    feed(north, 10)
    disk.wait_for_write()
    feed(south, 10)
    acknowledge(south, lambda: acknowledged(south) == 11)
    for _ in range(6):
        north.tick()
    north.advance()
    assert acknowledged(north) == 1
    assert said.notices == ["the overlay of north is stuck: nothing was written; the stream waits"]
    disk.work()
    acknowledge(north, lambda: acknowledged(north) == 11)


@pytest.mark.parametrize("live", [False, True])
def test_a_stream_that_is_closed_leaves_no_file_open(sink, said, live):
    def open_files():
        return len(list(Path("/proc/self/fd").iterdir()))

    sink("south", live=live)
    before = open_files()
    stream = sink(live=live)
    feed(stream, 3)
    end(stream, 3)
    acknowledge(stream, lambda: ("done", "north") in said)
    assert open_files() > before
    stream.close()
    stream._logbook.close()
    wait_for(lambda: open_files() <= before)
