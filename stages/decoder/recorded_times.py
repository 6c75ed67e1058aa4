"""Times at which packets are recorded."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

from stages.decoder.clock_leaps import ClockLeaps

_REORDERED = Fraction(1)  # second: a larger fall in time means that the camera's clock leapt


class RecordedTimes:
    """Makes the times at which the packets of a connection are recorded, without leaps.

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
        self._latest: int | None = None
        self._latest_dts: int | None = None

    def place(self, pts: int, dts: int | None) -> tuple[int, int]:
        """Returns the presentation and decoding time of the next packet, the latter rising.

        Args:
            pts: Its presentation time by the source, in ticks.
            dts: Its decoding time by the source, if known.
        """
        placed = self._leaps.undone(pts, self._latest)
        self._latest = placed if self._latest is None else max(self._latest, placed)
        dts = placed if dts is None else placed - pts + dts
        if self._latest_dts is not None:
            dts = max(dts, self._latest_dts + 1)
        self._latest_dts = dts
        return max(placed, dts), dts
