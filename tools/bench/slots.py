"""How far a loop without a frame ring may run ahead of the overlay that it writes."""

from __future__ import annotations

import threading

from stages.sink.overlay_parts import OverlayParts


class Slots:
    """Bounds the frames that an overlay was given and has not kept, which itself makes nobody wait.

    Args:
        count: As many as the ring of a run has.
    """

    def __init__(self, count: int) -> None:
        self._count = count
        self._freed = threading.Event()

    def free(self) -> None:
        """Some frames are kept: what the overlay calls."""
        self._freed.set()

    def wait(self, overlays: OverlayParts) -> None:
        """Waits until one more frame may be given.

        Raises:
            OutputError: One cannot be written.
        """
        while overlays.frames - overlays.kept >= self._count:
            self._freed.wait()
            self._freed.clear()
