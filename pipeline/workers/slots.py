"""Lends slots of a stream's frame ring to its source, one at a time."""

from __future__ import annotations

import math
import time

from pipeline.reporter import Reporter
from pipeline.transport.flow import FlowControl
from pipeline.transport.logbook import Logbook, SharedNumber
from pipeline.transport.ring import FrameRing
from stages.records import UInt8Array


class SlotAllocator:
    """Lends the source a slot for each frame; a `FrameAllocator`.

    Args:
        ring: Ring that holds the slots.
        slots: Number of slots.
        flow: Flow control, which tracks the free slots.
        logbook: The stream's logbook, which records the size of the slots.
        report: Reports that the process is alive while it waits.
    """

    def __init__(
        self,
        ring: FrameRing,
        slots: int,
        flow: FlowControl,
        logbook: Logbook,
        report: Reporter,
    ) -> None:
        self._ring = ring
        self._slots = slots
        self._flow = flow
        self._logbook = logbook
        self._report = report
        self._lent: int | None = None
        self._waited_ns = 0

    def allocate(self, shape: tuple[int, ...]) -> UInt8Array:
        """See `FrameAllocator`.

        Raises:
            InterruptedError: Flow control is closed, and no slot is free.
            OutputError: There is not enough memory for slots of that size.
        """
        started = time.monotonic_ns()
        if self._lent is None:  # otherwise the source abandoned its last frame
            self._lent = self._flow.acquire(self._report.alive)
            if self._lent is None:
                raise InterruptedError
        self._reserve(math.prod(shape))
        self._waited_ns += time.monotonic_ns() - started
        return self._ring.slot(self._lent, shape)

    def take(self) -> tuple[int, int]:
        """Takes over the slot lent last, now filled; returns it and the wait for it, ns."""
        assert self._lent is not None
        taken = self._lent, self._waited_ns
        self._lent, self._waited_ns = None, 0
        return taken

    def _reserve(self, slot_bytes: int) -> None:
        reserved = self._logbook[SharedNumber.SLOT_BYTES]
        if slot_bytes == reserved:
            return
        while reserved and not self._flow.idle:  # slots of the old size are still being read
            if self._flow.is_closed:
                raise InterruptedError
            self._report.alive()
            time.sleep(0.001)
        self._ring.reserve(self._slots, slot_bytes)
        self._logbook[SharedNumber.SLOT_BYTES] = slot_bytes
