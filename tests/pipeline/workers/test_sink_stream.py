"""Streams in the sink, which continue while another stream's results are completed."""

import contextlib
import threading
from fractions import Fraction
from pathlib import Path

import av
import pytest

from pipeline.config import RunConfig, RuntimeConfig, SinkConfig
from pipeline.sink_options import sink_options
from pipeline.transport.logbook import Logbook
from pipeline.transport.messages import decode
from pipeline.workers.envelope_journal import read_envelopes
from pipeline.workers.publisher import Publisher
from stages.records import EndOfStream
from stages.result_files import read_report
from stages.sink import stream_results
from stages.sink.folder_contents import JOURNAL
from tests.pipeline.workers.conftest import (
    NAMES,
    RATE,
    ReportLog,
    acknowledged,
    advance_until,
    end,
    feed,
)
from tests.stages.sink.stream import TEXTS
from tests.videos import frames_in
from tests.waiting import wait_for
from tools.harness.ports import free_port


@pytest.fixture
def release(monkeypatch):
    """An event; reports are written only once it is set."""
    released = threading.Event()

    class SlowReport(stream_results.AtomicFile):
        def complete(self):
            if self.path.name == "run.json":
                assert released.wait(100)
            super().complete()

    monkeypatch.setattr(stream_results, "AtomicFile", SlowReport)
    yield released
    released.set()


def test_a_stream_continues_while_anothers_results_are_completed(sink, reports, release):
    north, south = (sink(name, live=False) for name in NAMES)
    feed(north, 3)
    end(north, 3)
    feed(south, 5)
    advance_until(south, lambda: acknowledged(south) == 6)
    advance_until(north, lambda: acknowledged(north) == 4)  # all but the end
    assert ("done", "north") not in reports
    release.set()
    advance_until(north, lambda: ("done", "north") in reports)
    assert acknowledged(north) == 5
    assert [kind for kind, name in reports if name == "north"][-2:] == ["completing", "done"]
    files = {path.name for path in north.folder.iterdir()}
    assert files == {*TEXTS, "overlay.mp4", "run.json", ".journal.part", ".run.part"}


def test_a_frame_that_an_mp4_cannot_hold_ends_only_the_overlay(sink, reports):
    stream = sink(live=False)
    feed(stream, 4, Fraction(1, 10**9), [0, 1, 2, 3 * 10**9])
    end(stream, 4)
    advance_until(stream, lambda: ("done", "north") in reports)
    overlay = stream.folder / "overlay.mp4"
    reason = "the next does not fit into an MP4"
    assert reports.notices == [f"{overlay} ends after 2 of 4 frames: {reason}"]
    assert frames_in(overlay) == 2


def test_giving_up_waits_for_results_that_are_being_completed(sink, reports, release):
    stream = sink(live=False)
    feed(stream, 3)
    end(stream, 3)
    threading.Timer(0.1, release.set).start()
    stream.give_up("the run broke off")
    assert reports[-3:] == [("completing", "north"), ("busy", ""), ("done", "north")]


@pytest.mark.parametrize("live", [True, False])
def test_only_live_streams_send_their_overlay(sink, reports, monkeypatch, live):
    monkeypatch.setattr("pipeline.workers.sink_progress._METRICS_NS", 0)
    address = f"rtsp://127.0.0.1:{free_port()}"
    config = RunConfig(sink=SinkConfig(overlay_url={"*": address}))
    stream = sink(live=live, config=config)
    feed(stream, 3)
    advance_until(stream, lambda: acknowledged(stream) == 4)
    if live:
        advance_until(stream, lambda: reports.notices)
    stream.tick()
    assert (stream._live_overlay._thread is not None) is live
    assert reports.metrics.overlay_is_unsent is live
    assert ["is not sent to " + address in notice for notice in reports.notices] == [True] * live


def test_a_live_stream_continues_without_pictures_while_the_disk_hangs(
    sink, plan, reports, disk, monkeypatch
):
    monkeypatch.setattr("pipeline.workers.sink_progress._METRICS_NS", 0)
    stream = sink(live=True)
    assert stream.results.options == sink_options(plan.config, "north", live=True)
    feed(stream, 2)
    advance_until(stream, lambda: acknowledged(stream) == 3)
    disk.hang()
    feed(stream, 10, begin=2)
    disk.wait_for_write()
    stream.advance()
    assert acknowledged(stream) == 3
    for _ in range(6):
        stream.tick()
    assert reports.metrics.overlay_is_stuck
    assert reports.metrics.left_out_of_overlay == 7
    assert acknowledged(stream) == 11
    feed(stream, 14, begin=10)
    stream.advance()
    assert acknowledged(stream) == 15
    disk.work()
    advance_until(stream, lambda: stream.results.overlays.kept == 3)
    stream.tick()
    feed(stream, 16, begin=14)
    advance_until(stream, lambda: acknowledged(stream) == 17)
    assert reports.notices == [
        "the overlay of north is stuck: nothing was written; frames are left out of it",
        "the overlay of north has resumed",
    ]
    other = sink(live=True)  # the first one was killed
    feed(other, 18, begin=16)
    end(other, 18)
    advance_until(other, lambda: ("done", "north") in reports)
    frames = read_report(other.folder)["frames"]
    assert (frames["out"], frames["left_out_of_overlay"]) == (18, 11)
    with av.open(str(other.folder / "overlay.mp4")) as container:
        shown = [round(frame.time * RATE) for frame in container.decode(video=0)]
    assert shown == [0, 1, 2, 14, 15, 16, 17]


def test_an_abandoned_stream_is_completed_at_its_last_frame(sink, plan, reports):
    stream = sink(live=False)
    feed(stream, 3)
    Logbook(plan.logbook(0)).abandon("the frames are too large")
    stream.tick()
    feed(stream, 5, begin=3)  # already under way
    advance_until(stream, lambda: ("done", "north") in reports)
    report = read_report(stream.folder)
    assert (report["status"], report["frames"]["out"]) == ("truncated", 3)
    assert report["message"] == "the frames are too large"
    stream.close()
    assert (stream.folder / "mot.txt").exists()


def test_a_successor_continues_the_timing_of_its_killed_predecessor(sink):
    stream = sink(live=False)
    feed(stream, 6)
    advance_until(stream, lambda: acknowledged(stream) == 7)
    other = sink(live=False)
    assert other.results.timing == stream.results.timing
    assert len(other.results.timing.work["sink"]) == 5


def test_recent_latencies_include_those_measured_by_the_predecessor(sink, reports):
    stream = sink(live=False, reports=ReportLog())
    feed(stream, 6)
    advance_until(stream, lambda: acknowledged(stream) == 7)
    written = [entry.written for entry in read_envelopes(stream.folder / JOURNAL)]
    other = sink(live=False)
    feed(other, 7, begin=6)
    assert reports.metrics.frames == 7
    assert reports.metrics.recent_latency_ms[0] == written[4].latency_ns / 1e6  # the start is 0


def test_recent_latencies_are_those_of_the_results(sink, reports):
    """The time taken to write them, or to make the web page's snapshots, does not count."""
    config = RunConfig(runtime=RuntimeConfig(web="127.0.0.1:8080"))
    stream = sink(live=False, config=config)
    feed(stream, 6)
    stream.tick()
    written = [entry.written for entry in read_envelopes(stream.folder / JOURNAL)]
    latencies = sorted(each.latency_ns / 1e6 for each in written if each is not None)
    assert reports.metrics.recent_latency_ms[-1] in latencies
    assert ("snapshot", "north") in reports


def test_a_successor_republishes_the_last_records_of_the_journal(sink, plan, release):
    sent = []

    class Broadcast:
        def send(self, parts, *, now=False):
            envelope = decode(parts)
            sent.append((envelope.run, envelope.position, type(envelope.record), now))

    def published():
        batch, sent[:] = list(sent), []
        return batch

    publisher = Publisher(Broadcast(), plan.run, 0)
    stream = sink(live=False, publisher=publisher)
    feed(stream, 40, pts=range(40))
    advance_until(stream, lambda: acknowledged(stream) == 41)
    end(stream, 40)
    before = published()
    assert [position for _, position, _, _ in before] == [*range(42)]
    assert before[-1] == (plan.run, 41, EndOfStream, True)
    wait_for((stream.folder / ".run.json.part").exists)  # the first one is killed there
    sink(live=False, publisher=publisher)
    assert published() == before[41 - 16 :]  # a logbook's entries before the first waiting record
    release.set()


def test_a_lossless_stream_waits_for_its_overlay_but_blocks_no_other(sink, plan, reports, disk):
    north, south = (sink(name, live=False) for name in NAMES)
    assert north.results.options == sink_options(plan.config, "north", live=False)
    disk.hang()
    feed(north, 10)
    disk.wait_for_write()
    feed(south, 10)
    advance_until(south, lambda: acknowledged(south) == 11)
    for _ in range(6):
        north.tick()
    north.advance()
    assert acknowledged(north) == 1
    assert reports.notices == [
        "the overlay of north is stuck: nothing was written; the stream waits"
    ]
    disk.work()
    advance_until(north, lambda: acknowledged(north) == 11)


@pytest.mark.parametrize("live", [False, True])
def test_a_closed_stream_leaves_no_file_open(sink, reports, live):
    def open_files():
        found = set()
        for descriptor in Path("/proc/self/fd").iterdir():
            with contextlib.suppress(FileNotFoundError):  # that of this listing
                found.add((descriptor.name, descriptor.readlink()))
        return found

    sink("south", live=live)
    before = open_files()  # some of earlier tests, which may be closed at any moment
    stream = sink(live=live)
    feed(stream, 3)
    end(stream, 3)
    advance_until(stream, lambda: ("done", "north") in reports)
    assert open_files() - before
    stream.close()
    stream._logbook.close()
    wait_for(lambda: not open_files() - before)
