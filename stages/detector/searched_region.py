"""The part of a stream's frames that the detector searches."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Self

import numpy as np

from stages.errors import ConfigError
from stages.records import Detections, Float32Array, Frame, StreamStart, UInt8Array

if TYPE_CHECKING:
    from stages.detector.network_detector import NetworkDetector
    from stages.detector.own_detector import OwnDetector

_MIN_SIDE = 16  # pixels

Sides = tuple[float, float, float, float]
"""Left, top, right, bottom."""


@dataclass(frozen=True, slots=True)
class Crop:
    """A rectangle of whole pixels in a frame."""

    left: int
    top: int
    right: int
    bottom: int

    @classmethod
    def of(cls, region: Sides | None, height: int, width: int) -> Self:
        """Returns the part of a region that lies in frames of a size; None: the whole frame.

        It is rounded outwards to even pixels, because two by two pixels share a colour in YUV.

        Raises:
            ConfigError: Less than 16x16 pixels remain.
        """
        if region is None:
            return cls(0, 0, width, height)
        left, top = (max(0, math.floor(side / 2) * 2) for side in region[:2])
        right, bottom = (
            min(limit, math.ceil(side / 2) * 2)
            for side, limit in zip(region[2:], (width, height), strict=True)
        )
        if min(right - left, bottom - top) < _MIN_SIDE:
            sides = ", ".join(f"{side:.10g}" for side in region)
            size = f"{max(0, right - left)}x{max(0, bottom - top)}"
            raise ConfigError(
                f"detector.regions: [{sides}] has {size} pixels in frames of {width}x{height}; "
                f"at least {_MIN_SIDE}x{_MIN_SIDE} are needed"
            )
        return cls(left, top, right, bottom)

    @property
    def height(self) -> int:
        """Height in pixels."""
        return self.bottom - self.top

    @property
    def width(self) -> int:
        """Width in pixels."""
        return self.right - self.left

    def cut(self, frame: Frame) -> Frame:
        """Returns this part of a frame: a view of BGR pixels, a copy of YUV planes.

        Raises:
            ValueError: The frame has no pixels, or its pixels do not match its header.
        """
        height, width = frame.header.height, frame.header.width
        if (self.height, self.width) == (height, width):
            return frame
        header = replace(frame.header, height=self.height, width=self.width)
        pixels = frame.required_pixels()
        if not header.pixel_format.is_yuv:
            return replace(frame, header=header, pixels=self._view(pixels))
        part = np.empty(header.shape, np.uint8)
        part[: self.height] = self._view(pixels[:height])
        half = Crop(*(side // 2 for side in (self.left, self.top, self.right, self.bottom)))
        chroma = pixels[height:].reshape(2, height // 2, width // 2)
        part_chroma = part[self.height :].reshape(2, half.height, half.width)
        for plane, part_plane in zip(chroma, part_chroma, strict=True):
            part_plane[:] = half._view(plane)
        return replace(frame, header=header, pixels=part)

    def to_frame(self, boxes: Float32Array) -> Float32Array:
        """Converts boxes ``(N, 4)`` ltrb in this part to pixels of the frame."""
        return boxes + np.array([self.left, self.top] * 2, np.float32)

    def _view(self, plane: UInt8Array) -> UInt8Array:
        return plane[self.top : self.bottom, self.left : self.right]


class RegionDetector:
    """A detector that searches one region of a stream's frames, as if the frames ended there.

    Attributes:
        name, description, class_names, batch_size, compute_threads, is_immediate: See
            `NetworkDetector`.

    Args:
        detector: The detector of the cut frames.
        region_of: Returns the region of a stream in pixels of its frames; None: the whole frame.
    """

    def __init__(
        self,
        detector: NetworkDetector | OwnDetector,
        region_of: Callable[[str], Sides | None],
    ) -> None:
        self.name = detector.name
        self.description = detector.description
        self.class_names = detector.class_names
        self.batch_size = detector.batch_size
        self.compute_threads = detector.compute_threads
        self.is_immediate = detector.is_immediate
        self._detector = detector
        self._region_of = region_of

    def detect(self, frames: Sequence[Frame]) -> list[Detections]:
        """Returns the detections in the region of each frame, in pixels of the whole frame.

        Raises:
            ConfigError: A region hardly overlaps the frame, or see `NetworkDetector.detect`.
            ValueError: See `NetworkDetector.detect`.
        """
        headers = [frame.header for frame in frames]
        crops = [self._crop(each.stream, each.height, each.width) for each in headers]
        cut = [crop.cut(frame) for crop, frame in zip(crops, frames, strict=True)]
        return [
            replace(found, frame=header, boxes=crop.to_frame(found.boxes))
            for found, header, crop in zip(self._detector.detect(cut), headers, crops, strict=True)
        ]

    def warnings(self, start: StreamStart) -> list[str]:
        """Returns the detector's warnings about frames as large as the region.

        Raises:
            ConfigError: See `detect`.
        """
        crop = self._crop(start.stream, start.height, start.width)
        return self._detector.warnings(replace(start, height=crop.height, width=crop.width))

    def _crop(self, stream: str, height: int, width: int) -> Crop:
        return Crop.of(self._region_of(stream), height, width)
