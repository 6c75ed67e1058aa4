"""Watches whether the overlay of a stream makes progress."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

_PATIENCE = 5  # checks, not seconds: a suspended process does not check
_REPORT_SECONDS = 60.0


class OverlayWatch:
    """Reports, at most once a minute, that pictures are waiting and none reaches the disk.

    The end of a reported standstill is reported as well.

    Args:
        notify: Called with each report, one line.
        stream: Name of the stream.
        lossless: Whether the stream waits meanwhile; otherwise frames are left out of its overlay.
        monotonic: Returns a monotonic time in seconds.

    Attributes:
        is_stuck: Whether each of the latest five checks found no progress.
    """

    def __init__(
        self,
        notify: Callable[[str], None],
        stream: str,
        *,
        lossless: bool,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.is_stuck = False
        self._notify = notify
        self._name = f"the overlay of {stream}"
        self._lossless = lossless
        self._monotonic = monotonic
        self._kept = 0
        self._stalled_checks = 0
        self._reported_at = -math.inf
        self._is_reported = False

    @property
    def leaves_out(self) -> bool:
        """Whether to leave frames out of the overlay."""
        return self.is_stuck and not self._lossless

    def check(self, frames: int, kept: int) -> None:
        """Checks for progress; call it once a second.

        Args:
            frames: Number of frames given to the overlay so far.
            kept: Number of those that are on the disk.
        """
        waits = kept == self._kept and kept < frames
        self._kept = kept
        self._stalled_checks = self._stalled_checks + 1 if waits else 0
        self.is_stuck = self._stalled_checks >= _PATIENCE
        now = self._monotonic()
        if self.is_stuck and not self._is_reported and now - self._reported_at >= _REPORT_SECONDS:
            self._reported_at, self._is_reported = now, True
            meanwhile = "the stream waits" if self._lossless else "frames are left out of it"
            self._notify(f"{self._name} is stuck: nothing was written; {meanwhile}")
        elif self._is_reported and not self.is_stuck:
            self._is_reported = False
            self._notify(f"{self._name} has resumed")
