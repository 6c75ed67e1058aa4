"""Reports on results that are completed in the background."""

import threading
from dataclasses import replace

import pytest

from pipeline.config import RunConfig
from pipeline.reports import Completing, Done
from pipeline.transport.logbook import SharedNumber
from pipeline.workers.completion import Completion, broken_off
from pipeline.workers.run_record import RunRecord
from pipeline.workers.sink_progress import SinkProgress
from stages.errors import OutputError
from stages.records import Dropped, DropReason, EndOfStream, EndReason
from stages.result_files import numbered, read_report
from stages.sink.options import SinkOptions
from stages.sink.stream_results import StreamResults
from stages.sink.timing import Written
from tests.stages.sink.conftest import make_header, make_start, make_tracks

RECORD = RunRecord.of("cam", RunConfig(), lossless=True)


@pytest.fixture
def results(tmp_path):
    results = StreamResults(tmp_path / "cam", SinkOptions(overlay=False))
    results.start(make_start())
    for index in range(3):
        results.write(make_tracks(make_header(index)), None, {}, Written(0, 0))
    results.dropped(Dropped("cam", 0, 3, 4, DropReason.BEHIND))
    results.dropped(Dropped("cam", 0, 5, 5, DropReason.BROKEN))
    yield results
    results.abort()


@pytest.fixture
def reports():
    return []


@pytest.fixture
def done():
    return threading.Event()


@pytest.fixture
def completion(results, logbook, reports, done):
    logbook[SharedNumber.CONNECTIONS] = 2
    logbook[SharedNumber.NOT_RECEIVED] = 7
    progress = SinkProgress(results, logbook, reports.append)
    return Completion(results, RECORD, logbook, progress, reports.append, done.set)


END = EndOfStream("cam", 0, 6, EndReason.COMPLETE)


def test_complete_results_are_reported_once(completion, results, reports, done):
    assert not completion.begun
    completion.begin(END)
    assert completion.begun
    assert completion.is_unreported
    assert done.wait(100)
    completion.report_if_done()
    completion.report_if_done()
    assert not completion.is_unreported
    assert [type(report) for report in reports] == [Completing, Done]
    summary = reports[1].summary
    assert (summary.frames, summary.dropped, summary.behind) == (3, 3, 2)
    assert (summary.status, summary.folder) == ("complete", str(results.folder))
    assert reports[1].metrics.connections == 2
    report = read_report(results.folder)
    assert (report["connections"], report["frames_not_received"]) == (2, 7)


def test_slow_results_do_not_block_the_caller(completion, results, reports, done, monkeypatch):
    finish, released = results.finish, threading.Event()

    def slowly(end, run):
        assert released.wait(60)
        return finish(end, run)

    monkeypatch.setattr(results, "finish", slowly)
    completion.begin(END)
    completion.report_if_done()
    assert completion.is_unreported
    released.set()
    assert done.wait(100)
    completion.report_if_done()
    assert not completion.is_unreported


def test_the_report_names_only_the_first_of_many_parts(
    completion, results, reports, done, monkeypatch
):
    finish = results.finish
    kinds, count = ("mot.txt", "detections.txt", "times.txt"), 30_000
    texts = tuple(numbered(kind, part) for part in range(7, count) for kind in kinds)
    overlays = tuple(numbered("overlay.mp4", part) for part in range(1, count))
    files = (*texts, "cam_Lx.txt", *overlays)
    monkeypatch.setattr(results, "finish", lambda end, run: replace(finish(end, run), files=files))
    completion.begin(END)
    assert done.wait(100)
    completion.report_if_done()
    summary = reports[-1].summary
    assert summary.files == (*texts[:3], "cam_Lx.txt", "overlay.mp4")


def test_results_are_completed_without_a_working_directory(
    tmp_path, monkeypatch, results, logbook, reports, done
):
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    progress = SinkProgress(results, logbook, reports.append)
    record = RunRecord.of("cam", RunConfig(), lossless=True)
    completion = Completion(results, record, logbook, progress, reports.append, done.set)
    completion.begin(END)
    assert done.wait(100)
    assert '"working_directory": null' in (results.folder / "run.json").read_text()


def test_an_error_is_raised_by_report_if_done_and_not_by_join(
    completion, results, reports, monkeypatch
):
    def fail(end, run):
        raise OutputError("disk full")

    monkeypatch.setattr(results, "finish", fail)
    completion.begin(END)
    completion.join()
    with pytest.raises(OutputError, match="disk full"):
        completion.report_if_done()
    assert [type(report) for report in reports] == [Completing]


def test_a_broken_off_stream_ends_at_its_decoders_position(logbook):
    assert broken_off(logbook, "the run broke off") == EndOfStream(
        "cam", 0, 0, EndReason.TRUNCATED, "the run broke off"
    )
    logbook[SharedNumber.EPOCHS] = 3
    logbook[SharedNumber.SEQUENCE] = 70
    found = broken_off(logbook, "")
    assert (found.epoch, found.frames) == (2, 70)
