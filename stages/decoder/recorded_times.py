"""Timestamps of recorded packets."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

from stages.decoder.clock_leaps import ClockLeaps

_REORDERED = Fraction(1)  # second: a larger fall in time means that the camera's clock leapt


class RecordedTimes:
    """Makes the timestamps with which the packets of a connection are recorded, without leaps.

    Decoding times are made up, since FFmpeg's are missing or wrong after a connection or a leap.
    Matroska does not store them; they only have to rise and must not exceed a presentation time.
    The first presentation time is late enough for no time to be negative.

    Args:
        frame_rate: Frames per second.
        time_base: Unit of the times, in seconds.
        monotonic: Monotonic clock in seconds, see `ClockLeaps`.
    """

    def __init__(
        self, frame_rate: Fraction, time_base: Fraction, monotonic: Callable[[], float]
    ) -> None:
        frame = max(1, round(1 / frame_rate / time_base))
        self._leaps = ClockLeaps(frame, time_base, _REORDERED, monotonic)
        self._delay = round(2 * _REORDERED / time_base)  # ticks from decoding to presentation
        self._origin = 0  # the source's time that maps to 0
        self._latest: int | None = None
        self._dts = -1

    def place(self, pts: int) -> tuple[int, int]:
        """Returns the presentation and decoding time of the next packet, given the source's."""
        if self._latest is None:
            self._origin = pts - self._delay
            self._latest = self._delay
        placed = self._leaps.corrected(pts - self._origin, self._latest)
        self._latest = max(self._latest, placed)
        self._dts = max(self._dts + 1, self._latest - self._delay)
        return max(placed, self._dts), self._dts
