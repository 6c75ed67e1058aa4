"""Presentation times of the frames in a result, the overlay or the text results."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from statistics import median_low

from stages.records import FrameHeader

_REMEMBERED_STEPS = 255
_LONGEST_STEP = 10  # seconds that one picture is shown: longer steps are outages or clock jumps


@dataclass(slots=True)
class TimelineState:
    """The state of a `Timeline`, in units of its time base.

    Attributes:
        steps: Times between the latest frames in the source; until two frames have been seen, the
            nominal duration of one.
        measured: Whether two frames have been seen.
        epoch: The latest frame's epoch; None before the first.
        origin: Zero point of this epoch's times.
        last: Presentation time of the latest frame, -1 before the first.
    """

    steps: list[int]
    measured: bool = False
    epoch: int | None = None
    origin: Fraction = Fraction(0)
    last: int = -1


class Timeline:
    """Presentation times in a result: the source's own, counted from the first frame there.

    Times always increase: a source that starts over after a reconnect continues one frame after its
    last one, and a frame that is not later than the previous one is shown one tick after it. No
    frame is shown for more than ten seconds, unless most before it were: if the source's times
    jump further, later frames are moved forward.

    Args:
        time_base: Unit of the returned times, in seconds.
        frame_rate: Frames per second, which give a frame's duration until two have been seen.
        state: State of an earlier timeline to continue from.
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
        """Presentation time of the latest frame in seconds."""
        return max(0, self.state.last) * float(self.time_base)

    def place(self, frame: FrameHeader) -> int:
        """Returns the presentation time of ``frame`` in units of ``time_base``; the first is 0."""
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
