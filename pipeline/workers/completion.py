"""Completes the results of a stream that has ended, and reports them."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future

from pipeline.reporter import Reporter
from pipeline.reports import Completing, Done, StreamSummary
from pipeline.transport.logbook import Logbook, SharedNumber
from pipeline.workers.run_record import RunRecord
from pipeline.workers.sink_progress import SinkProgress
from stages.background import in_background
from stages.records import DropReason, EndOfStream, EndReason
from stages.result_files import first_parts
from stages.sink.report import StreamReport
from stages.sink.stream_results import StreamResults


def broken_off(logbook: Logbook, message: str) -> EndOfStream:
    """Returns the end of a stream that breaks off at its decoder's current frame."""
    epoch = max(0, logbook[SharedNumber.EPOCHS] - 1)
    frames = logbook[SharedNumber.SEQUENCE]
    return EndOfStream(logbook.stream, epoch, frames, EndReason.TRUNCATED, message)


class Completion:
    """Completes results in the background, since a long video would hold up other streams.

    Args:
        results: Results of the stream.
        record: What the run was started with, for ``run.json``.
        logbook: Logbook of the stream.
        progress: Progress of the stream, for the final metrics.
        report: Reports to the supervisor.
        on_done: Called from another thread when there is something to report.

    Attributes:
        begun: Whether the stream has ended.
    """

    def __init__(
        self,
        results: StreamResults,
        record: RunRecord,
        logbook: Logbook,
        progress: SinkProgress,
        report: Reporter,
        on_done: Callable[[], None],
    ) -> None:
        self.begun = False
        self._results = results
        self._record = record
        self._logbook = logbook
        self._progress = progress
        self._report = report
        self._on_done = on_done
        self._finished: Future[StreamReport] | None = None  # until it is reported

    @property
    def is_unreported(self) -> bool:
        """Whether the stream has ended, but its results are not reported as complete yet."""
        return self._finished is not None

    def begin(self, end: EndOfStream) -> None:
        """Begins to complete the results."""
        self.begun = True
        self._report(Completing("sink", stream=self._logbook.stream))
        run = self._record.to_plain() | {
            "connections": self._logbook[SharedNumber.CONNECTIONS],
            "frames_not_received": self._logbook[SharedNumber.NOT_RECEIVED],
        }
        self._finished = in_background(lambda: self._results.finish(end, run), self._on_done)

    def report_if_done(self) -> None:
        """Reports complete results, once.

        Raises:
            OutputError: A file cannot be written.
        """
        if self._finished is not None and self._finished.done():
            self._report_done(self._finished.result())
            self._finished = None

    def join(self) -> None:
        """Waits until the results are complete, or cannot be completed."""
        if self._finished is not None:
            self._finished.exception()

    def _report_done(self, result: StreamReport) -> None:
        ledger, counting = result.ledger, result.counting
        status, message = result.outcome
        summary = StreamSummary(
            frames=ledger.written,
            tracks=ledger.tracks,
            status=status,
            dropped=ledger.dropped_total,
            behind=ledger.dropped.get(DropReason.BEHIND, 0),
            fps=result.timing.fps,
            folder=str(self._results.folder),
            files=first_parts(result.files),
            crossings=counting.crossings.counts,
            zones=counting.zones.counts,
        )
        self._report(
            Done(
                "sink",
                stream=self._logbook.stream,
                message=message,
                summary=summary,
                metrics=self._progress.metrics(),
            )
        )
