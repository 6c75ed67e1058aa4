"""Lets a decoder wait for a point in time and for its source."""

from __future__ import annotations

import threading
import time

from pipeline.reporter import Reporter


class Waiting:
    """Waits, and measures how long the source has worked.

    As a context manager, it wraps a call in which FFmpeg may be stuck for long, waiting for the
    network or for the writer of a pipe. A thread that acquires `working` meanwhile can act in place
    of the calling thread, which does not proceed after its call until `working` is released.

    Attributes:
        working: Lock held by the source's thread except during such calls.
        waited_ns: Time waited so far, in ns.
    """

    def __init__(self, stop: threading.Event, report: Reporter) -> None:
        self.working = threading.Lock()
        self._stop = stop
        self._report = report
        self._since = 0
        self.waited_ns = 0

    def wait(self, seconds: float) -> bool:
        """Waits while reporting the process alive; returns whether it was told to stop."""
        started = time.monotonic_ns()
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0 and not self._stop.wait(min(left, 1.0)):
            self._report.alive()
        self.waited_ns += time.monotonic_ns() - started
        return self._stop.is_set()

    def __enter__(self) -> None:
        self._since = time.monotonic_ns()
        self.working.release()

    def __exit__(self, *_: object) -> None:
        self.working.acquire()
        self._report.alive()  # data may arrive for minutes without completing a frame
        self.waited_ns += time.monotonic_ns() - self._since

    def report_alive(self) -> None:
        """Reports the process alive, from another thread, if the source is in such a call."""
        if self.working.acquire(blocking=False):
            self._report.alive()
            self.working.release()

    def working_ns(self) -> int:
        """Returns the time in ns of a clock that stops while the source waits."""
        return time.monotonic_ns() - self.waited_ns
