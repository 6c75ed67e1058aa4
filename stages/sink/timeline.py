"""When each frame of the overlay is shown."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from fractions import Fraction
from statistics import median_low

from stages.records import FrameHeader

_REMEMBERED_STEPS = 255
_LONGEST_STEP = 10  # seconds that one picture is shown: longer steps are outages or clock jumps


@dataclass(frozen=True, slots=True)
class TimelineState:
    """The state of a `Timeline`."""

    steps: tuple[int, ...]
    measured: bool
    epoch: int | None
    origin: Fraction
    last: int


class Timeline:
    """Presentation times of an overlay: the source's own, counted from its first frame.

    Times always rise: a source that starts over after a reconnect continues one frame after its
    last one, and a frame that is not later than the one before is shown one tick after it. No
    picture is shown for more than ten seconds, unless most are: where the source's times jump
    further, later frames are brought forward.

    Args:
        time_base: Unit of the returned times, in seconds.
        frame_rate: Frames per second: a frame's duration until two have been seen.
    """

    def __init__(self, time_base: Fraction, frame_rate: Fraction) -> None:
        self.time_base = time_base
        step = 1 / (frame_rate * time_base) if frame_rate > 0 else Fraction(1)
        self._steps: deque[int] = deque([max(1, round(step))], maxlen=_REMEMBERED_STEPS)
        self._longest_step = round(_LONGEST_STEP / time_base)
        self._measured = False
        self._epoch: int | None = None
        self._origin = Fraction(0)
        self._last = -1

    @property
    def typical_duration(self) -> int:
        """Median time between the latest frames."""
        return median_low(self._steps)

    @property
    def seconds(self) -> float:
        """When the latest frame is shown, in seconds."""
        return max(0, self._last) * float(self.time_base)

    def place(self, frame: FrameHeader) -> int:
        """Presentation time of ``frame`` in units of ``time_base``; the first is 0."""
        ticks = frame.pts * frame.time_base / self.time_base
        if frame.epoch != self._epoch:
            following = 0 if self._epoch is None else self._last + self.typical_duration
            self._origin = ticks - following
            self._epoch = frame.epoch
        pts = max(self._last + 1, round(ticks - self._origin))
        if self._last >= 0:
            latest = self._last + max(self._longest_step, self.typical_duration)
            if pts > latest:
                self._origin += pts - latest
                pts = latest
            if not self._measured:
                self._steps.clear()
                self._measured = True
            self._steps.append(pts - self._last)
        self._last = pts
        return pts

    def state(self) -> TimelineState:
        """Everything that `restore` needs."""
        return TimelineState(
            tuple(self._steps), self._measured, self._epoch, self._origin, self._last
        )

    def restore(self, state: TimelineState) -> None:
        """Continues from ``state``."""
        self._steps.clear()
        self._steps.extend(state.steps)
        self._measured = state.measured
        self._epoch = state.epoch
        self._origin = state.origin
        self._last = state.last
