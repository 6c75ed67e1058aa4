"""Limits how far a loop without a frame ring can run ahead of the overlay it writes."""

from __future__ import annotations

import threading

from stages.sink.overlay_parts import OverlayParts


class Slots:
    """Bounds the frames handed to an overlay but not yet kept, as the overlay itself never blocks.

    Args:
        count: Number of slots, as in the ring of a run.
    """

    def __init__(self, count: int) -> None:
        self._count = count
        self._freed = threading.Event()

    def free(self) -> None:
        """Wakes `wait`; called by the overlay when it has kept frames."""
        self._freed.set()

    def wait(self, overlays: OverlayParts) -> None:
        """Waits until one more frame may be handed over.

        Raises:
            OutputError: A frame cannot be written.
        """
        while overlays.frames - overlays.kept >= self._count:
            self._freed.wait()
            self._freed.clear()
