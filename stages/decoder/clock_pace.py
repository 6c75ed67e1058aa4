"""Compares the pace of a camera's clock with that of real time."""

from __future__ import annotations

from collections.abc import Callable

_FIRST_SECONDS = 10.0  # of a connection: a camera may begin with what it has kept
_WINDOW_SECONDS = 120.0
_DRIFT = 0.01  # no camera's clock is as fast
_TOLERANCE = 0.1  # what leaps and pauses that go on as before may come to


class ClockPace:
    """Compares the times of a connection's frames with those of their arrival.

    Attributes:
        ahead: How many seconds earlier, by its time, the latest frame came than the first; 0 where
            a clock that is a little fast may have come to that.

    Args:
        monotonic: Returns a monotonic time in seconds.
    """

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self.ahead = 0.0
        self._monotonic = monotonic
        self._first: tuple[float, float] | None = None  # seconds, and when it arrived
        self._since: tuple[float, float] | None = None  # the same of the window's first frame

    def follow(self, seconds: float) -> float | None:
        """Takes the time of the next frame.

        Returns:
            By how many seconds the times advanced in each second of the last two minutes, if that
            differs from one by more than a tenth; None otherwise, and until it is known again.
        """
        arrived = self._monotonic()
        if self._first is None:
            self._first = seconds, arrived
        passed = arrived - self._first[1]
        ahead = seconds - self._first[0] - passed
        self.ahead = ahead if ahead > _DRIFT * passed else 0.0
        if self._since is None:
            self._since = (seconds, arrived) if passed >= _FIRST_SECONDS else None
            return None
        passed = arrived - self._since[1]
        if passed < _WINDOW_SECONDS:
            return None
        pace = (seconds - self._since[0]) / passed
        self._since = seconds, arrived
        return pace if abs(pace - 1) > _TOLERANCE else None
