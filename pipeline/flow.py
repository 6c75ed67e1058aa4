"""Credits: how many frames may be on their way, and what gives when all are.

Both modes are this one object. A frame occupies a slot from the moment the decoder fills it until
the sink has acknowledged it. *Lossless*: no free slot, the decoder waits. *Live*: no free slot, the
oldest frame that waits to be sent gives way, and a `Dropped` record takes its place; so do all but
the latest when one is sent, so that latency is bounded by what is in flight and not by the ring.
"""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import replace
from typing import Literal, TypeAlias

from stages.records import Dropped, EndOfStream, FrameHeader, StreamStart

Notice: TypeAlias = StreamStart | Dropped | EndOfStream
"""What needs no slot and no credit."""

BEHIND = "detector behind"
"""Why a frame is dropped in live mode."""


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
        self._waiting: deque[tuple[FrameHeader, int] | Notice] = deque()
        self._sent: dict[int, int] = {}
        self._in_flight = in_flight
        self._mode = mode
        self._changed = threading.Condition()
        self._closed = False

    def acquire(self) -> int | None:
        """A slot to fill; waits for one (lossless) or takes the oldest waiting frame's (live).

        Returns None once the flow is closed.
        """
        with self._changed:
            while not self._free:
                if self._closed:
                    return None
                if self._mode == "live" and (slot := self._drop_oldest()) is not None:
                    return slot
                self._changed.wait(0.2)
            return self._free.popleft()

    def _drop_oldest(self) -> int | None:
        for position, item in enumerate(self._waiting):
            if isinstance(item, tuple):
                header, slot = item
                number = header.sequence
                dropped = Dropped(header.stream, header.epoch, number, number, BEHIND)
                before = self._waiting[position - 1] if position else None
                if isinstance(before, Dropped) and _adjoin(before, dropped):
                    self._waiting[position - 1] = replace(before, last=number)
                    del self._waiting[position]
                else:
                    self._waiting[position] = dropped
                return slot
        return None

    def offer(self, header: FrameHeader, slot: int) -> None:
        """The frame in ``slot`` is ready to be sent."""
        with self._changed:
            self._waiting.append((header, slot))

    def announce(self, notice: Notice) -> None:
        """The record is ready to be sent, after all frames before it."""
        with self._changed:
            self._waiting.append(notice)

    def next_to_send(self) -> tuple[FrameHeader, int] | Notice | None:
        """What is to be sent next; None where there is nothing, or no credit for a frame."""
        with self._changed:
            if not self._waiting:
                return None
            if len(self._sent) < self._in_flight:
                if self._mode == "live":
                    self._drop_stale()
            elif isinstance(self._waiting[0], tuple):
                return None
            item = self._waiting.popleft()
            if isinstance(item, tuple):
                self._sent[item[0].sequence] = item[1]
            return item

    def _drop_stale(self) -> None:
        """Keeps the latest frames, as many as may be in flight: an old one would only be late."""
        frames = sum(isinstance(item, tuple) for item in self._waiting)
        for _ in range(frames - self._in_flight):
            slot = self._drop_oldest()
            assert slot is not None
            self._free.append(slot)

    def acknowledge(self, sequence: int) -> None:
        """The sink is done with the frame; unknown and repeated numbers are ignored."""
        with self._changed:
            slot = self._sent.pop(sequence, None)
            if slot is not None:
                self._free.append(slot)
                self._changed.notify()

    @property
    def waiting(self) -> int:
        """How many frames and notices wait to be sent."""
        return len(self._waiting)

    @property
    def idle(self) -> bool:
        """Whether nothing waits and no frame is on its way."""
        with self._changed:
            return not self._waiting and not self._sent

    @property
    def all_sent(self) -> bool:
        """Whether nothing waits to be sent."""
        with self._changed:
            return not self._waiting

    def close(self) -> None:
        """Wakes whoever waits in `acquire`."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()


def _adjoin(before: Dropped, after: Dropped) -> bool:
    return (before.reason, before.epoch, before.last + 1) == (
        after.reason,
        after.epoch,
        after.first,
    )
