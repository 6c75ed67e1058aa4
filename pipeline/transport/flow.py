"""Credit-based flow control: limits the frames in flight, and waits or drops at the limit.

One class implements both modes. A frame occupies a slot from the moment the decoder fills it until
the sink acknowledges that it is in the results. Until then, a frame can be sent again, as can any
other record.

- *Lossless*: without a free slot, the decoder waits.
- *Live*: without a free slot, the oldest frame that waits to be sent is dropped, and a `Dropped`
  record takes its place. If a camera sends in bursts, its frames wait for their turn as long as
  there are slots. If the stages are behind, sending a frame also drops older waiting ones: latency
  then depends on the number of frames in flight, not on the size of the ring. Adjacent drops that
  wait are merged: the number for each reason is kept, not which frames they were.
"""

from __future__ import annotations

import itertools
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from stages.decoder.motion import STILL, composed
from stages.records import Dropped, DropReason, EndOfStream, Float32Array, FrameHeader, StreamStart

StreamEvent: TypeAlias = StreamStart | Dropped | EndOfStream
"""A record of a stream other than a frame; it needs no slot and no credit."""

_BURST_SECONDS = 1.0
"""The stages are behind if no frame could be sent on arrival for longer than this."""


@dataclass(frozen=True, slots=True)
class Departure:
    """An item to be sent at ``position`` of its stream; ``slot`` is None for an event.

    Of a frame, ``work_ns`` is the decoder's work on it, and ``motion`` that of the camera since the
    frame sent before, None if unknown.
    """

    position: int
    item: FrameHeader | StreamEvent
    slot: int | None
    work_ns: int = 0
    motion: Float32Array | None = None


@dataclass(frozen=True, slots=True)
class _WaitingFrame:
    header: FrameHeader
    slot: int
    work_ns: int
    motion: Float32Array | None


class FlowControl:
    """Manages the slots of one stream; shared by the decoding and the sending thread.

    Args:
        slots: Number of frames the ring holds.
        in_flight: Maximum number of frames sent and not yet acknowledged, at most ``slots - 1`` in
            live mode (one slot is always being filled).
        live: Whether to drop frames rather than wait for a free slot.
        window: Maximum number of records sent and not yet acknowledged.
        sent: Slots (None for events) of a previous decoder's unacknowledged records, by position.
        position: Position of the next record to send.
        motion: The camera's motion since the last frame sent, up to the frame before the first one
            offered; None if unknown.
        monotonic: Returns a monotonic time in seconds.
    """

    def __init__(
        self,
        slots: int,
        in_flight: int,
        *,
        live: bool,
        window: int = 64,
        sent: Mapping[int, int | None] | None = None,
        position: int = 0,
        motion: Float32Array | None = STILL,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._sent = dict(sent or {})
        self._free = deque(set(range(slots)) - set(self._sent.values()))
        self._events: deque[StreamEvent] = deque()  # waiting, with no frame before them
        self._waiting: deque[_WaitingFrame | StreamEvent] = deque()  # a frame and all after it
        self._frames_waiting = 0
        self._frames_sent = sum(slot is not None for slot in self._sent.values())
        self._position = position
        self._motion_of_dropped = motion  # since the last frame sent, over those dropped since then
        self._in_flight = in_flight
        self._window = window
        self._live = live
        self._monotonic = monotonic
        self._kept_up_at = monotonic()  # when a frame could last be sent on arrival
        self._changed = threading.Condition()
        self._closed = False

    def acquire(self, on_wait: Callable[[], None] = lambda: None) -> int | None:
        """Returns a slot to fill; waits for one (lossless) or takes the oldest waiting frame's.

        Returns None if no slot is free and flow control is closed. ``on_wait`` is called while
        waiting.
        """
        with self._changed:
            while not self._free:
                if self._closed:
                    return None
                if self._live:
                    return self._drop_oldest()
                self._changed.wait(0.2)
                on_wait()
            return self._free.popleft()

    def _drop_oldest(self) -> int:
        frame = self._next_frame()
        self._motion_of_dropped = composed(self._motion_of_dropped, frame.motion)
        number = frame.header.sequence
        why = DropReason.BEHIND
        dropped = Dropped(frame.header.stream, frame.header.epoch, number, number, why)
        self._append(self._events, dropped)
        self._move_events()
        return frame.slot

    def _next_frame(self) -> _WaitingFrame:
        frame = self._waiting.popleft()
        assert isinstance(frame, _WaitingFrame)
        self._frames_waiting -= 1
        return frame

    def _move_events(self) -> None:
        """Moves the events that no longer have a frame before them."""
        while self._waiting and not isinstance(event := self._waiting[0], _WaitingFrame):
            self._waiting.popleft()
            self._append(self._events, event)

    def _append(self, queue: deque[Any], event: StreamEvent) -> None:
        # Not merged if lossless: a successor must know how many records were sent.
        if self._live and isinstance(event, Dropped):
            _append_drop(queue, event)
        else:
            queue.append(event)

    def offer(
        self, header: FrameHeader, slot: int, work_ns: int = 0, motion: Float32Array | None = None
    ) -> None:
        """Queues the frame in ``slot`` for sending.

        ``motion`` is the camera's motion since the frame offered before, None if unknown.
        """
        with self._changed:
            if not self._waiting and self._frames_sent < self._in_flight:
                self._kept_up_at = self._monotonic()
            self._waiting.append(_WaitingFrame(header, slot, work_ns, motion))
            self._frames_waiting += 1

    def announce(self, event: StreamEvent) -> None:
        """Queues an event for sending, after all frames before it."""
        with self._changed:
            self._append(self._waiting or self._events, event)

    def next_to_send(self) -> Departure | None:
        """Returns the next item to send; None if there is none or no credit for it."""
        with self._changed:
            if not (self._events or self._waiting) or len(self._sent) >= self._window:
                return None
            if self._frames_sent < self._in_flight:
                if self._live and self._monotonic() - self._kept_up_at > _BURST_SECONDS:
                    self._drop_stale()
            elif not self._events:
                return None
            if self._events:
                departure = Departure(self._position, self._events.popleft(), None)
            else:
                frame = self._next_frame()
                motion = composed(self._motion_of_dropped, frame.motion)
                self._motion_of_dropped = STILL
                departure = Departure(
                    self._position, frame.header, frame.slot, frame.work_ns, motion
                )
                self._frames_sent += 1
                self._move_events()
            self._sent[self._position] = departure.slot
            self._position += 1
            return departure

    def _drop_stale(self) -> None:
        """Drops all but the latest frames, of which it keeps about as many as can be sent now."""
        kept = max(self._in_flight - self._frames_sent, self._in_flight - 1)
        for _ in range(self._frames_waiting - kept):
            self._free.append(self._drop_oldest())

    def acknowledge(self, position: int) -> None:
        """Frees the slots of all positions below this one; repeated or late calls are harmless."""
        with self._changed:
            for acknowledged in list(itertools.takewhile(lambda sent: sent < position, self._sent)):
                slot = self._sent.pop(acknowledged)
                if slot is not None:
                    self._free.append(slot)
                    self._frames_sent -= 1
            self._changed.notify()

    @property
    def waiting(self) -> int:
        """Number of frames that wait to be sent."""
        with self._changed:
            return self._frames_waiting

    @property
    def idle(self) -> bool:
        """Whether nothing waits and nothing is in flight."""
        with self._changed:
            return not self._events and not self._waiting and not self._sent

    @property
    def is_closed(self) -> bool:
        """Whether flow control is closed; items that wait may then never be sent."""
        with self._changed:
            return self._closed

    def close(self) -> None:
        """Wakes a thread that waits in `acquire`."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()


def _append_drop(queue: deque[Any], dropped: Dropped) -> None:
    """Appends a drop, merged with the adjacent ones before it into one record for each reason."""
    count = dropped.last - dropped.first + 1
    later: list[Dropped] = []
    while queue and _adjoin(queue[-1], later[-1] if later else dropped):
        before = queue.pop()
        if before.reason == dropped.reason:
            queue.append(replace(before, last=before.last + count))
            queue.extend(
                replace(each, first=each.first + count, last=each.last + count)
                for each in reversed(later)
            )
            return
        later.append(before)
    queue.extend(reversed(later))
    queue.append(dropped)


def _adjoin(before: object, after: Dropped) -> bool:
    return isinstance(before, Dropped) and (before.epoch, before.last + 1) == (
        after.epoch,
        after.first,
    )
