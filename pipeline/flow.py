"""Credits: how many frames may be on their way, and what gives when all are.

Both modes are this one object. A frame occupies a slot from the moment the decoder fills it until
the sink has acknowledged it. *Lossless*: no free slot, the decoder waits. *Live*: no free slot, the
oldest frame that waits to be sent gives way and is counted.
"""

from __future__ import annotations

import threading
from collections import deque
from typing import Literal

from stages.records import FrameHeader


class FlowControl:
    """Slots of one stream, shared by the thread that decodes and the one that sends.

    Args:
        slots: Frames the ring holds.
        in_flight: Frames that may be sent and not yet acknowledged, at most ``slots - 1`` in live
            mode (one slot is always being filled).
        mode: ``"lossless"`` or ``"live"``.
    """

    def __init__(self, slots: int, in_flight: int, mode: Literal["lossless", "live"]) -> None:
        self._free = deque(range(slots))
        self._waiting: deque[tuple[FrameHeader, int]] = deque()
        self._sent: dict[int, int] = {}
        self._in_flight = in_flight
        self._mode = mode
        self._changed = threading.Condition()
        self._dropped: list[FrameHeader] = []
        self._closed = False

    def acquire(self) -> int | None:
        """A slot to fill; waits for one (lossless) or takes the oldest waiting frame's (live).

        Returns None once the flow is closed.
        """
        with self._changed:
            while not self._free:
                if self._closed:
                    return None
                if self._mode == "live" and self._waiting:
                    header, slot = self._waiting.popleft()
                    self._dropped.append(header)
                    return slot
                self._changed.wait(0.2)
            return self._free.popleft()

    def offer(self, header: FrameHeader, slot: int) -> None:
        """The frame in ``slot`` is ready to be sent."""
        with self._changed:
            self._waiting.append((header, slot))

    def next_to_send(self) -> tuple[list[FrameHeader], tuple[FrameHeader, int] | None]:
        """Frames dropped since the last call, and the next frame to send where credit allows."""
        with self._changed:
            dropped, self._dropped = self._dropped, []
            if not self._waiting or len(self._sent) >= self._in_flight:
                return dropped, None
            header, slot = self._waiting.popleft()
            self._sent[header.sequence] = slot
            return dropped, (header, slot)

    def acknowledge(self, sequence: int) -> None:
        """The sink is done with the frame; unknown and repeated numbers are ignored."""
        with self._changed:
            slot = self._sent.pop(sequence, None)
            if slot is not None:
                self._free.append(slot)
                self._changed.notify()

    @property
    def idle(self) -> bool:
        """Whether no frame waits and none is on its way."""
        with self._changed:
            return not self._waiting and not self._sent

    @property
    def all_sent(self) -> bool:
        """Whether no frame waits to be sent."""
        with self._changed:
            return not self._waiting

    def close(self) -> None:
        """Wakes whoever waits in `acquire`."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
