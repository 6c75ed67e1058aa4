"""Memory of the network's inputs, used again and again."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from stages.detector.preprocessing import InputGeometry, empty_canvas, fill_canvas, to_bgr
from stages.records import Frame, UInt8Array


class InputMemory:
    """Makes inputs of frames without an allocation for each.

    The border around a frame stays black, as frames of one size cover the same pixels; each size
    has a canvas of its own.
    """

    def __init__(self) -> None:
        self._canvases: dict[tuple[InputGeometry, int, int], UInt8Array] = {}
        self._pictures: dict[tuple[int, int, int], UInt8Array] = {}

    def fill(self, frames: Sequence[Frame], geometry: InputGeometry) -> UInt8Array:
        """``(N, H, W, 3)`` BGR, resized and padded; valid until the next call.

        Args:
            frames: Of one size.
            geometry: How they lie in the input.

        Raises:
            ValueError: A frame has no pixels.
        """
        # Two sizes may have one geometry: it tells the scale and the input's size.
        key = geometry, frames[0].header.height, frames[0].header.width
        canvas = self._canvases.get(key)
        if canvas is None or len(canvas) < len(frames):
            canvas = self._canvases[key] = empty_canvas(len(frames), geometry)
        images = [self._bgr(frame, place) for place, frame in enumerate(frames)]
        return fill_canvas(images, geometry, canvas[: len(frames)])

    def _bgr(self, frame: Frame, place: int) -> UInt8Array:
        header = frame.header
        if frame.pixels is None:
            raise ValueError(f"{header.stream}: frame {header.number} has no pixels")
        key = place, header.height, header.width
        if key not in self._pictures:
            self._pictures[key] = np.empty((header.height, header.width, 3), np.uint8)
        return to_bgr(frame.pixels, header.pixel_format, self._pictures[key])
