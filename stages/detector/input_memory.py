"""Memory of the network's inputs, used again and again."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from stages.detector.lru_cache import LruCache
from stages.detector.preprocessing import InputGeometry, empty_canvas, fill_canvas, to_bgr
from stages.records import Frame, UInt8Array

_SIZES = 8  # of frames, for which memory is kept


class InputMemory:
    """Makes inputs of frames without an allocation for each.

    The border around a frame stays black, as frames of one size cover the same pixels; each size
    has a canvas of its own, the latest few of them.
    """

    def __init__(self) -> None:
        self._memory: LruCache[InputGeometry, tuple[UInt8Array, UInt8Array]] = LruCache(_SIZES)

    def fill(self, frames: Sequence[Frame], geometry: InputGeometry) -> UInt8Array:
        """``(N, H, W, 3)`` BGR, resized and padded; valid until the next call.

        Args:
            frames: Of one size.
            geometry: How they lie in the input.

        Raises:
            ValueError: A frame has no pixels.
        """
        count = len(frames)
        memory = self._memory.get(geometry)
        if memory is None or len(memory[0]) < count:
            pictures = np.empty((count, *geometry.frame, 3), np.uint8)
            memory = self._memory.keep(geometry, (empty_canvas(count, geometry), pictures))
        canvas, pictures = memory
        images = [_bgr(*pair) for pair in zip(frames, pictures[:count], strict=True)]
        return fill_canvas(images, geometry, canvas[:count])


def _bgr(frame: Frame, picture: UInt8Array) -> UInt8Array:
    return to_bgr(frame.required_pixels(), frame.header.pixel_format, picture)
