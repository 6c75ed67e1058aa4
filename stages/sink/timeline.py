"""When each frame of a result, the overlay or the text results, is shown."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from statistics import median_low

from stages.records import FrameHeader

_REMEMBERED_STEPS = 255
_LONGEST_STEP = 10  # seconds that one picture is shown: longer steps are outages or clock jumps


@dataclass(slots=True)
class TimelineState:
    """What a `Timeline` knows of the frames so far, in units of its time base.

    Attributes:
        steps: Times between the latest frames in the source; a frame's duration until two have
            been seen.
        measured: Whether two have been seen.
        epoch: The latest frame's epoch; None before the first.
        origin: What this epoch's times are counted from.
        last: Presentation time of the latest frame, -1 before the first.
    """

    steps: list[int]
    measured: bool = False
    epoch: int | None = None
    origin: Fraction = Fraction(0)
    last: int = -1


class Timeline:
    """Presentation times in a result: the source's own, counted from the first frame there.

    Times always rise: a source that starts over after a reconnect continues one frame after its
    last one, and a frame that is not later than the one before is shown one tick after it. No
    picture is shown for more than ten seconds, unless most before it were: where the source's times
    jump further, later frames are brought forward.

    Args:
        time_base: Unit of the returned times, in seconds.
        frame_rate: Frames per second: a frame's duration until two have been seen.
        state: That of an earlier timeline, which this one continues.
    """

    def __init__(
        self, time_base: Fraction, frame_rate: Fraction, state: TimelineState | None = None
    ) -> None:
        self.time_base = time_base
        step = max(1, round(1 / (frame_rate * time_base))) if frame_rate > 0 else 1
        self._longest_step = max(step, round(_LONGEST_STEP / time_base))
        self.state = state or TimelineState([step])

    @property
    def typical_duration(self) -> int:
        """Median time between the latest frames; a single one may be an outage."""
        steps = self.state.steps
        return min(steps[0], self._longest_step) if len(steps) == 1 else median_low(steps)

    @property
    def seconds(self) -> float:
        """When the latest frame is shown, in seconds."""
        return max(0, self.state.last) * float(self.time_base)

    def place(self, frame: FrameHeader) -> int:
        """Presentation time of ``frame`` in units of ``time_base``; the first is 0."""
        state = self.state
        ticks = frame.pts * frame.time_base / self.time_base
        if frame.epoch != state.epoch:
            following = 0 if state.epoch is None else state.last + self.typical_duration
            state.origin = ticks - following
            state.epoch = frame.epoch
        pts = max(state.last + 1, round(ticks - state.origin))
        if state.last >= 0:
            latest = state.last + max(self._longest_step, self.typical_duration)
            if not state.measured:
                state.steps.clear()
                state.measured = True
            state.steps.append(pts - state.last)
            del state.steps[:-_REMEMBERED_STEPS]
            if pts > latest:
                state.origin += pts - latest
                pts = latest
        state.last = pts
        return pts
