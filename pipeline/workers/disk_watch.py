"""Reports, from a separate thread, that a file system holds up a stage's loop."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

from pipeline.reporter import Reporter

_CHECK_SECONDS = 1.0
_PATIENCE = 5  # checks, not seconds: a suspended process does not check


class DiskWatch:
    """Reports once that the loop has waited for a folder for five checks, and once it goes on.

    Args:
        reporter: The loop's reporter: a loop that has reported since the last check, or has
            reported that it is busy, is not held up.
        notify: Called with each report, one line, in the thread that checks.
        meanwhile: What happens until the folder answers, as shown to the user.
    """

    def __init__(self, reporter: Reporter, notify: Callable[[str], None], meanwhile: str) -> None:
        self._reporter = reporter
        self._notify = notify
        self._meanwhile = meanwhile
        self._folder: Path | None = None
        self._calls = 0
        self._seen: object = None
        self._stalled_checks = 0
        self._reported_folder = ""
        self._closed = threading.Event()

    def start(self) -> None:
        """Checks once a second until `close`."""
        threading.Thread(target=self._run, name="disk watch", daemon=True).start()

    def close(self) -> None:
        """Ends the thread."""
        self._closed.set()

    @contextlib.contextmanager
    def at(self, folder: Path) -> Iterator[None]:
        """Enters a context in which the loop reads or writes in ``folder``."""
        self._calls += 1
        self._folder = folder
        try:
            yield
        finally:
            self._folder = None

    def _run(self) -> None:
        while not self._closed.wait(_CHECK_SECONDS):
            self.check()

    def check(self) -> None:
        """Checks for progress; the thread calls it."""
        if self._reporter.is_busy:  # a report would end that state
            self._stalled_checks = 0
            return
        folder, seen = self._folder, (self._calls, self._reporter.latest)
        waits = folder is not None and seen == self._seen
        self._seen = seen
        self._stalled_checks = self._stalled_checks + 1 if waits else 0
        if self._stalled_checks == _PATIENCE:
            self._reported_folder = str(folder)
            self._notify(
                f"{folder}: its file system does not answer, and {self._meanwhile} until it does; "
                f"check the disk or mount"
            )
        elif self._reported_folder and not waits:
            self._notify(f"{self._reported_folder}: its file system responds again")
            self._reported_folder = ""
