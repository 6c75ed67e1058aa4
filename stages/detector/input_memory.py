"""Reusable memory for the network's inputs."""

from __future__ import annotations

import threading
from collections.abc import Sequence

import numpy as np

from stages.bgr import to_bgr
from stages.detector.lru_cache import LruCache
from stages.detector.preprocessing import InputGeometry, empty_canvas, fill_canvas
from stages.records import Frame, UInt8Array

_SIZES = 8  # of frames, for which memory is kept


class InputMemory(threading.local):
    """Prepares the network's inputs from frames without allocating memory for each.

    Each thread that uses it has its own memory. Each of the latest few frame sizes has its own
    canvas, so frames always cover the same pixels and the border around them stays black.
    """

    def __init__(self) -> None:
        self._memory: LruCache[InputGeometry, tuple[UInt8Array, UInt8Array]] = LruCache(_SIZES)

    def fill(self, frames: Sequence[Frame], geometry: InputGeometry) -> UInt8Array:
        """Returns ``(N, H, W, 3)`` uint8 BGR, resized and padded.

        The result is valid until the thread's next call.

        Args:
            frames: Frames of one size.
            geometry: Their geometry in the input.

        Raises:
            ValueError: A frame has no pixels, or its pixels do not match its header.
        """
        count = len(frames)
        memory = self._memory.get(geometry)
        if memory is None or len(memory[0]) < count:
            pictures = np.empty((count, *geometry.frame, 3), np.uint8)
            memory = self._memory.keep(geometry, (empty_canvas(count, geometry), pictures))
        canvas, pictures = memory
        images = [
            to_bgr(frame.required_pixels(), frame.header.pixel_format, picture)
            for frame, picture in zip(frames, pictures[:count], strict=True)
        ]
        return fill_canvas(images, geometry, canvas[:count])
