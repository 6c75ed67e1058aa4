"""Shows a run's reports without making the run wait for their reader."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from functools import partial

from pipeline.background_queue import Action, BackgroundQueue
from pipeline.reports import Alive, Batches, Notice, Progress, Report
from stages.wording import counted
from tools.console.standard_streams import PATIENCE_SECONDS
from tools.running.event_log import EventLog
from tools.running.progress import ProgressView


class ViewThread:
    """Runs a view in a thread of its own.

    While nobody reads its output, progress is skipped and up to a thousand messages wait; of
    further messages, only the number is shown.

    Args:
        view: The view; entered and left in the thread.

    Attributes:
        is_read: Whether everything had been shown by the end.
    """

    def __init__(self, view: ProgressView | EventLog) -> None:
        self.is_read = True
        self._view = view
        self._background = BackgroundQueue(self._report_lost)

    def __enter__(self) -> ViewThread:
        self.do(self._as_context().__enter__)
        return self

    def __exit__(self, *_: object) -> None:
        leave = partial(self._as_context().__exit__, None, None, None)
        self.is_read = self._background.end(PATIENCE_SECONDS, leave)

    def show(self, report: Report) -> None:
        """Shows a report soon.

        Raises:
            BaseException: Whatever the view raised for an earlier report.
        """
        if isinstance(report, Alive | Batches | Progress) and self._background.is_behind:
            return
        self.do(partial(self._view.show, report))

    def do(self, action: Action) -> None:
        """Runs an action in the thread, after everything queued before it."""
        self._background.do(action)

    def _as_context(self) -> AbstractContextManager[object]:
        return self._view if isinstance(self._view, ProgressView) else nullcontext()

    def _report_lost(self, count: int) -> None:
        message = f"lost {counted(count, 'message')}, because nobody read them"
        self._view.show(Notice("sink", message=message))
