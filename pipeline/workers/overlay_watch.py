"""Whether the overlay of a stream goes on."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

_PATIENCE = 5  # looks rather than seconds: a process that was stopped did not look
_SILENT_SECONDS = 60.0


class OverlayWatch:
    """Finds out that pictures wait and none gets to the disk, and tells, at most once a minute.

    Of a standstill that is told, its end is told as well.

    Args:
        notify: Told in one line.
        name: Of the overlay, for people.
        meanwhile: What becomes of the stream, for people.
        monotonic: Seconds.

    Attributes:
        is_stuck: Whether it was so at the latest five looks.
    """

    def __init__(
        self,
        notify: Callable[[str], None],
        name: str,
        meanwhile: str,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.is_stuck = False
        self._notify = notify
        self._name = name
        self._meanwhile = meanwhile
        self._monotonic = monotonic
        self._kept = 0
        self._looks = 0
        self._told_at = -math.inf
        self._is_told = False

    def look(self, frames: int, kept: int) -> None:
        """To be called once a second with how many frames were given to it and are kept."""
        waits = kept == self._kept and kept < frames
        self._kept = kept
        self._looks = self._looks + 1 if waits else 0
        self.is_stuck = self._looks >= _PATIENCE
        now = self._monotonic()
        if self.is_stuck and not self._is_told and now - self._told_at >= _SILENT_SECONDS:
            self._told_at, self._is_told = now, True
            self._notify(f"{self._name} stands still: nothing was written; {self._meanwhile}")
        elif self._is_told and not self.is_stuck:
            self._is_told = False
            self._notify(f"{self._name} goes on")
