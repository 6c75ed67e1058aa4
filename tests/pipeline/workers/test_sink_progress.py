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


def test_the_first_frame_is_reported_at_once_and_later_ones_together(results, logbook):
    reports = []
    progress = SinkProgress(results, logbook, reports.append)
    results.start(make_start(frame_count=9))
    logbook[SharedNumber.CONNECTIONS] = 2
    logbook[SharedNumber.NOT_RECEIVED] = 3
    write(results, progress, range(3))
    first = reports[0]
    assert (first.kind, first.stream, first.frames, first.total) == ("progress", "cam", 1, 9)
    assert first.work_ms == pytest.approx({"detect": 10, "sink": 2})
    counts = (first.metrics.frames, first.metrics.connections, first.metrics.not_received)
    assert counts == (1, 2, 3)
    assert first.metrics.recent_latency_ms == pytest.approx((30, 30, 30), rel=0.01)
    latest = progress.metrics()
    assert (latest.frames, set(latest.durations)) == (3, {"detect", "sink", "latency"})
    assert latest.tracks == 4
    assert latest.durations["detect"].count == 3


def test_work_averages_exclude_the_first_frame_and_metrics_are_periodic(
    results, logbook, monkeypatch
):
    monkeypatch.setattr("pipeline.workers.sink_progress._PROGRESS_NS", 0)
    monkeypatch.setattr("pipeline.workers.sink_progress._METRICS_NS", 10**15)
    reports = []
    progress = SinkProgress(results, logbook, reports.append)
    progress._measured = -(10**15)
    before: dict[str, int] = {}  # the sink's work on the frame before
    for work in (2000, 10, 30, *[20] * 18, 40):
        progress.wrote(MS, {"detect": work * MS, **before})
        before = {"sink": work * MS}
    averages = [report.work_ms["detect"] for report in reports]
    assert averages[:4] == pytest.approx([2000, 10, 20, 20])
    assert averages[-2:] == pytest.approx([20, 21])
    assert [report.work_ms["sink"] for report in reports[1:5]] == pytest.approx([2000, 10, 20, 20])
    assert [report.metrics is None for report in reports[:3]] == [False, True, True]


def test_recent_latencies_cover_only_the_latest_frames(results, logbook):
    progress = SinkProgress(results, logbook, lambda report: None)
    for latency in [90] * 300 + [20] * 250:
        progress.repeated(latency * MS, {})
    assert progress.metrics().recent_latency_ms == (20, 20, 20)


def test_a_failed_stream_reports_the_last_frame_written(results, logbook):
    reports = []
    progress = SinkProgress(results, logbook, reports.append)
    write(results, progress, range(3))
    progress.end()
    assert [report.metrics.frames for report in reports] == [1, 3]


def test_the_median_of_two_latencies_is_the_shorter(results, logbook):
    progress = SinkProgress(results, logbook, lambda report: None)
    for latency in (20 * MS, 10 * MS):
        progress.wrote(latency, {})
    assert progress.metrics().recent_latency_ms == (10, 20, 20)


def test_drops_are_reported_once_even_when_no_frame_arrives(results, logbook):
    reports = []
    progress = SinkProgress(results, logbook, reports.append)
    write(results, progress, range(3))
    results.dropped(Dropped("cam", 0, 3, 6, DropReason.BEHIND))
    progress.received()

    def latest_drops():
        progress.tick(overlay_is_stuck=False)
        return reports[-1].metrics and reports[-1].metrics.dropped

    assert wait_for(latest_drops) == {"stages behind": 4}
    assert (reports[-1].dropped, reports[-1].metrics.frames) == (4, 3)
    count = len(reports)
    for _ in range(3):
        progress.tick(overlay_is_stuck=False)
    assert len(reports) == count


def test_overlay_faults_and_recovery_are_reported_without_new_frames(results, logbook, monkeypatch):
    monkeypatch.setattr("pipeline.workers.sink_progress._METRICS_NS", 0)
    reports = []
    progress = SinkProgress(results, logbook, reports.append)
    results.overlays.left_out = 7
    states = [(0, 0), (1, 0), (1, 0), (1, 1), (0, 1), (0, 0), (0, 0)]
    for stuck, unsent in states:
        progress.tick(overlay_is_stuck=bool(stuck), overlay_is_unsent=bool(unsent))
    reported = [report.metrics for report in reports]
    assert {metrics.left_out_of_overlay for metrics in reported} == {7}
    faults = [(metrics.overlay_is_stuck, metrics.overlay_is_unsent) for metrics in reported]
    assert faults == [(1, 0), (1, 1), (0, 1), (0, 0)]
