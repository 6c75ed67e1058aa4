"""Finds frames that were sent to a decoder and never came out."""

from __future__ import annotations

import heapq
from collections import deque
from statistics import median_low

from av import Packet

_REMEMBERED_STEPS = 25
_FEWEST_STEPS = 5  # before the usual step is known
_FEWEST_LOST = 2  # before any step is known: the stated frame rate may be that of fields
_MAX_HELD = 16  # frames that a decoder may hold back
_MAX_WAITING = 50_000  # packets: a live stream may go without a frame for days


class LostFrames:
    """Locates lost frames by packet times, since a threaded decoder lags behind its packets.

    A decoder that raises shows that a frame is lost, but not which one. Without an error, a frame
    counts as lost only if the frames around it leave a hole as well, since not every packet yields
    a frame: some hold a field, or a frame that is not shown.

    Args:
        presented: Whether the container's packets have presentation times, not decoding times;
            otherwise only errors count as losses.
        frame: Length of a frame in ticks, as the container states it.
    """

    def __init__(self, *, presented: bool, frame: int) -> None:
        self._presented = presented
        self._frame = frame
        self._waiting: list[int] = []  # heap of the times of packets without a frame yet
        self._errors = 0
        self._last: int | None = None
        self._steps: deque[int] = deque(maxlen=_REMEMBERED_STEPS)
        self._lost: dict[int, int] = {}  # time of each lost frame, and the number of frames since

    def sent(self, packet: Packet) -> None:
        """Records that a packet is sent to the decoder."""
        if packet.size and packet.pts is not None and not packet.is_discard:
            self._wait_for(packet.pts)

    def failed(self, packet: Packet) -> None:
        """Records that the decoder raised at this packet, possibly because of an earlier one."""
        self._errors += 1
        if packet.pts is None:
            self._wait_for(0)

    def is_late(self, pts: int | None) -> bool:
        """Returns whether the frame at ``pts`` was counted as lost, as some are after an error."""
        return pts in self._lost

    def before(self, pts: int | None) -> int:
        """Returns how many frames are lost between the previous one and the one at ``pts``.

        Call it for every frame that is not late.
        """
        missing = []
        while self._waiting and (pts is None or self._waiting[0] <= pts):
            missing.append(heapq.heappop(self._waiting))
        while missing and missing[-1] == pts:
            missing.pop()
        lost = min(len(missing), max(self._errors, self._hole(pts) if missing else 0))
        self._errors = max(0, self._errors - lost)
        self._follow(pts)
        if self._lost or lost:
            self._remember(missing if self._presented and lost == len(missing) else [])
        return lost

    def rest(self) -> int:
        """Returns how many frames are lost after the last one."""
        behind = 0
        if self._presented and self._last is not None and self._waiting:
            # The second field of the last frame is half a step behind it.
            behind = (max(self._waiting) - self._last + self._step // 4) // self._step
            behind = self._believed(behind)
        return min(max(self._errors, behind), len(self._waiting))

    def _wait_for(self, pts: int) -> None:
        if len(self._waiting) < _MAX_WAITING:
            heapq.heappush(self._waiting, pts)
        else:
            heapq.heappushpop(self._waiting, pts)

    def _hole(self, pts: int | None) -> int:
        """Returns how many frames of the usual duration fit between the last one and ``pts``."""
        if not self._presented or pts is None or self._last is None:
            return 0
        return self._believed((pts - self._last + self._step // 2) // self._step - 1)

    def _believed(self, lost: int) -> int:
        return lost if self._steps or lost >= _FEWEST_LOST else 0

    @property
    def _step(self) -> int:
        """Ticks from frame to frame."""
        if len(self._steps) < _FEWEST_STEPS:
            return max(self._frame, min(self._steps, default=0))
        return median_low(self._steps)

    def _remember(self, lost: list[int]) -> None:
        self._lost = {pts: age + 1 for pts, age in self._lost.items() if age < _MAX_HELD}
        self._lost.update(dict.fromkeys(lost, 0))

    def _follow(self, pts: int | None) -> None:
        if pts is None:
            return
        if self._last is not None:
            self._steps.append(pts - self._last)
            if pts <= self._last - _MAX_HELD * self._frame:  # a camera's clock was set back
                self._steps.clear()
                self._waiting = [sent for sent in self._waiting if sent <= self._last]
                heapq.heapify(self._waiting)
            elif pts <= self._last:  # a gap no longer means that a frame is lost
                self._presented = False
        self._last = pts
