"""Plays recorded frames at their original pace."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from fractions import Fraction
from typing import TypeVar

from stages.records import FrameHeader

LONGEST_GAP = 10.0  # seconds between two frames; longer gaps are outages or leaps of a clock
_Packet = TypeVar("_Packet")


class Pace:
    """Holds each frame until as much time has passed as lies between it and the first frame.

    A late frame is released at once, and so are those after it until they have caught up. If the
    source itself had nothing to give, see `timed`, all later frames are delayed by that much
    instead, as each segment of a live source would otherwise be released in a burst. They then
    catch up at a pace a tenth faster until the source has nothing again: if the server was slow,
    the frames are available by now; if it had paused, there is nothing more to catch up with.

    Args:
        wait: Sleeps for the given seconds.
        clock: Wall clock, ns since the epoch.
        monotonic: Returns a monotonic time in ns.
        longest_gap: Maximum seconds to wait between two frames.
    """

    def __init__(
        self,
        wait: Callable[[float], bool],
        clock: Callable[[], int] = time.time_ns,
        monotonic: Callable[[], int] = time.monotonic_ns,
        longest_gap: float = LONGEST_GAP,
    ) -> None:
        self._wait = wait
        self._clock = clock
        self._monotonic = monotonic
        self._longest_gap = Fraction(longest_gap)
        self._latest: tuple[int, Fraction] | None = None
        self._due_ns = 0
        self._waited_ns = 0  # for the source, since the latest frame
        self._delay_ns = 0  # that may still be caught up
        self._caught_up_ns = 0  # since the source last had nothing

    def timed(self, packets: Iterator[_Packet]) -> Iterator[_Packet]:
        """Yields the same packets, and measures how long the source takes to deliver them."""
        asked = self._monotonic()
        for packet in packets:
            self._waited_ns += self._monotonic() - asked
            yield packet
            asked = self._monotonic()

    def hold(self, frame: FrameHeader) -> FrameHeader:
        """Returns the frame when it is due, with that moment as its capture time."""
        seconds = frame.pts * frame.time_base
        if self._latest is None:
            self._due_ns = self._monotonic()
        elif frame.epoch == self._latest[0]:
            step = min(max(Fraction(0), seconds - self._latest[1]), self._longest_gap)
            self._due_ns += self._shortened(round(step * 10**9))
        self._latest = frame.epoch, seconds
        early = self._due_ns - self._monotonic()
        if early > 0:
            self._wait(early / 1e9)
        else:
            self._put_off(min(-early, self._waited_ns))
        self._waited_ns = 0
        return replace(frame, captured_ns=self._clock())

    def _shortened(self, step_ns: int) -> int:
        """Returns the time to the next frame, less the delay that is caught up."""
        saved = min(step_ns // 10, self._delay_ns)
        self._delay_ns -= saved
        self._caught_up_ns += saved
        return step_ns - saved

    def _put_off(self, late_ns: int) -> None:
        """Delays all later frames, as the source had nothing to give."""
        if not late_ns:
            return
        self._due_ns += late_ns
        has_paused = late_ns <= self._caught_up_ns  # then there was nothing to catch up with
        self._delay_ns = 0 if has_paused else self._delay_ns + late_ns
        self._caught_up_ns = 0
