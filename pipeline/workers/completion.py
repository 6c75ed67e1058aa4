"""Completes the results of a stream that has ended, and reports them."""

from __future__ import annotations

import functools
import importlib.metadata
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any

from pipeline.config import RunConfig, to_plain
from pipeline.reporter import Reporter
from pipeline.reports import Completing, Done, StreamSummary
from pipeline.transport.logbook import Logbook, SharedNumber
from pipeline.workers.sink_progress import SinkProgress
from stages.background import in_background
from stages.records import DropReason, EndOfStream
from stages.sink.report import StreamReport
from stages.sink.stream_results import StreamResults


@functools.cache
def _versions() -> dict[str, str]:
    names = ("spotstream", "torch", "av", "opencv-python", "numpy", "scipy", "filterpy", "pyzmq")
    return {name: importlib.metadata.version(name) for name in names}


def _working_directory() -> str | None:
    """The directory of the config's relative paths; None if it is gone."""
    try:
        return str(Path.cwd())
    except FileNotFoundError:
        return None


class Completion:
    """Completes results in the background: a long video would hold up other streams.

    Args:
        results: Results of the stream.
        config: The run's configuration, for ``run.json``.
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
        config: RunConfig,
        logbook: Logbook,
        progress: SinkProgress,
        report: Reporter,
        on_done: Callable[[], None],
    ) -> None:
        self.begun = False
        self._results = results
        self._run: dict[str, Any] = {
            "versions": _versions(),
            "working_directory": _working_directory(),
            "config": to_plain(config),
        }
        self._logbook = logbook
        self._progress = progress
        self._report = report
        self._on_done = on_done
        self._finished: Future[StreamReport] | None = None  # until it is reported

    @property
    def is_unreported(self) -> bool:
        """Whether the stream has ended, and its results are not reported as complete yet."""
        return self._finished is not None

    def begin(self, end: EndOfStream) -> None:
        """Begins to complete the results."""
        self.begun = True
        self._report(Completing("sink", stream=self._logbook.stream))
        run = self._run | {
            "connections": self._logbook[SharedNumber.CONNECTIONS],
            "frames_not_received": self._logbook[SharedNumber.NOT_RECEIVED],
        }
        self._finished = in_background(lambda: self._results.finish(end, run), self._on_done)

    def report_if_done(self) -> None:
        """Reports results that are complete, once.

        Raises:
            OutputError: A file cannot be written.
        """
        if self._finished is not None and self._finished.done():
            self._tell(self._finished.result())
            self._finished = None

    def join(self) -> None:
        """Waits until the results are complete, or cannot be completed."""
        if self._finished is not None:
            self._finished.exception()

    def _tell(self, result: StreamReport) -> None:
        summary = StreamSummary(
            frames=result.frames_out,
            tracks=result.tracks,
            status=result.status,
            dropped=result.dropped_total,
            behind=result.dropped.get(DropReason.BEHIND, 0),
            fps=result.achieved_fps,
            folder=str(self._results.folder),
            files=result.files,
            crossings=dict(result.crossings),
            zones=dict(result.zones),
        )
        self._report(
            Done(
                "sink",
                stream=self._logbook.stream,
                message=result.message,
                summary=summary,
                metrics=self._progress.metrics(),
            )
        )
