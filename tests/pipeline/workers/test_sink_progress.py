"""What the sink reports, and how often."""

import pytest

from pipeline.transport.logbook import SharedNumber
from pipeline.workers.sink_progress import SinkProgress
from stages.records import Dropped, DropReason
from stages.sink.options import SinkOptions
from stages.sink.stream_results import StreamResults
from stages.sink.timing import Written
from tests.stages.sink.conftest import make_header, make_start, make_tracks
from tests.waiting import wait_for

MS = 1_000_000


@pytest.fixture
def results(tmp_path):
    results = StreamResults(tmp_path / "cam", SinkOptions(overlay=False))
    results.start(make_start())
    yield results
    results.abort()


def write(results, progress, indices):
    for index in indices:
        work = {"detect": 10 * MS, "sink": 2 * MS}
        tracks = make_tracks(make_header(index), [(1, 2, 3, 4)] * 2, (1, index + 2))
        results.write(tracks, None, work, Written(0, 0))
        progress.wrote(30 * MS, work)
        progress.received()


def test_a_frame_is_told_at_once_and_those_after_it_together(results, logbook):
    said = []
    progress = SinkProgress(results, logbook, said.append)
    results.start(make_start(frame_count=9))
    logbook[SharedNumber.CONNECTIONS] = 2
    logbook[SharedNumber.NOT_RECEIVED] = 3
    write(results, progress, range(3))
    first = said[0]
    assert (first.kind, first.stream, first.frames, first.total) == ("progress", "cam", 1, 9)
    assert first.work_ms == pytest.approx({"detect": 10, "sink": 2})
    counts = (first.metrics.frames, first.metrics.connections, first.metrics.not_received)
    assert counts == (1, 2, 3)
    assert first.metrics.recent_latency_ms == pytest.approx((30, 30, 30), rel=0.01)
    latest = progress.metrics()
    assert (latest.frames, set(latest.durations)) == (3, {"detect", "sink", "latency"})
    assert latest.tracks == 4
    assert latest.durations["detect"].count == 3


def test_work_is_averaged_without_the_first_frame_and_metrics_come_with_the_first_of_a_second(
    results, logbook, monkeypatch
):
    monkeypatch.setattr("pipeline.workers.sink_progress._PROGRESS_NS", 0)
    monkeypatch.setattr("pipeline.workers.sink_progress._METRICS_NS", 10**15)
    said = []
    progress = SinkProgress(results, logbook, said.append)
    progress._measured = -(10**15)
    before: dict[str, int] = {}  # the sink's work on the frame before
    for work in (2000, 10, 30, *[20] * 18, 40):
        progress.wrote(MS, {"detect": work * MS, **before})
        before = {"sink": work * MS}
    told = [report.work_ms["detect"] for report in said]
    assert told[:4] == pytest.approx([2000, 10, 20, 20])
    assert told[-2:] == pytest.approx([20, 21])
    assert [report.work_ms["sink"] for report in said[1:5]] == pytest.approx([2000, 10, 20, 20])
    assert [report.metrics is None for report in said[:3]] == [False, True, True]


def test_latencies_are_those_of_the_latest_frames(results, logbook):
    progress = SinkProgress(results, logbook, lambda report: None)
    for latency in [90] * 300 + [20] * 250:
        progress.repeated(latency * MS, {})
    assert progress.metrics().recent_latency_ms == (20, 20, 20)


def test_what_was_written_last_is_told_of_a_stream_that_fails(results, logbook):
    said = []
    progress = SinkProgress(results, logbook, said.append)
    write(results, progress, range(3))
    progress.end()
    assert [report.metrics.frames for report in said] == [1, 3]


def test_of_two_latencies_the_shorter_is_the_median(results, logbook):
    progress = SinkProgress(results, logbook, lambda report: None)
    for latency in (20 * MS, 10 * MS):
        progress.wrote(latency, {})
    assert progress.metrics().recent_latency_ms == (10, 20, 20)


def test_drops_are_told_where_no_frame_comes_and_once(results, logbook):
    said = []
    progress = SinkProgress(results, logbook, said.append)
    write(results, progress, range(3))
    results.dropped(Dropped("cam", 0, 3, 6, DropReason.BEHIND))
    progress.received()

    def latest_drops():
        progress.tick(overlay_is_stuck=False)
        return said[-1].metrics and said[-1].metrics.dropped

    assert wait_for(latest_drops) == {"stages behind": 4}
    assert (said[-1].dropped, said[-1].metrics.frames) == (4, 3)
    told = len(said)
    for _ in range(3):
        progress.tick(overlay_is_stuck=False)
    assert len(said) == told


def test_an_overlay_that_is_stuck_unsent_or_goes_on_is_told_where_no_frame_comes(
    results, logbook, monkeypatch
):
    monkeypatch.setattr("pipeline.workers.sink_progress._METRICS_NS", 0)
    said = []
    progress = SinkProgress(results, logbook, said.append)
    results.overlays.left_out = 7
    looks = [(0, 0), (1, 0), (1, 0), (1, 1), (0, 1), (0, 0), (0, 0)]
    for stuck, unsent in looks:
        progress.tick(overlay_is_stuck=bool(stuck), overlay_is_unsent=bool(unsent))
    told = [report.metrics for report in said]
    assert {metrics.left_out_of_overlay for metrics in told} == {7}
    faults = [(metrics.overlay_is_stuck, metrics.overlay_is_unsent) for metrics in told]
    assert faults == [(1, 0), (1, 1), (0, 1), (0, 0)]
