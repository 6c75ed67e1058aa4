"""Converts a frame's pixels to the network's input, and boxes in the input back to the frame."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from torch import Tensor, nn

from stages.detector.spotnet import SpotNetConfig
from stages.records import Float32Array, UInt8Array

MEAN_BGR = (0.408, 0.447, 0.470)
"""Per-channel mean of BGR in [0, 1] that SpotNet was trained with."""

STD_BGR = (0.289, 0.274, 0.278)
"""Per-channel standard deviation of BGR in [0, 1] that SpotNet was trained with."""


@dataclass(frozen=True, slots=True)
class InputGeometry:
    """Placement of a frame in the network's input: resized, and padded with black.

    Attributes:
        frame: Height and width of the frame in pixels.
        resized: Height and width of the frame in the input in pixels.
        offset: Offset of the frame's top left corner in the input, y and x in pixels.
        height: Height of the input in pixels.
        width: Width of the input in pixels.
    """

    frame: tuple[int, int]
    resized: tuple[int, int]
    offset: tuple[int, int]
    height: int
    width: int

    @property
    def scale(self) -> tuple[float, float]:
        """Pixels of the input per pixel of the frame, vertically and horizontally."""
        return self.resized[0] / self.frame[0], self.resized[1] / self.frame[1]

    def to_frame(self, boxes: Float32Array) -> Float32Array:
        """Converts boxes ``(N, 4)`` ltrb from the input to pixels of the frame, clipped to it."""
        offset, scale, limit = (
            np.array([x, y, x, y], np.float32) for y, x in (self.offset, self.scale, self.frame)
        )
        return ((boxes - offset) / scale).clip(0, limit)


def input_geometry(height: int, width: int, config: SpotNetConfig, scale: float) -> InputGeometry:
    """Returns the placement of a frame, resized by ``scale``, in the network's input."""
    resized_h, resized_w = max(1, round(height * scale)), max(1, round(width * scale))
    multiple = config.size_multiple
    if config.padding == "centred":
        padded_h, padded_w = (resized_h | (multiple - 1)) + 1, (resized_w | (multiple - 1)) + 1
        offset = padded_h // 2 - resized_h // 2, padded_w // 2 - resized_w // 2
    else:
        padded_h = -(-resized_h // multiple) * multiple
        padded_w = -(-resized_w // multiple) * multiple
        offset = 0, 0
    return InputGeometry((height, width), (resized_h, resized_w), offset, padded_h, padded_w)


def place(image: UInt8Array, geometry: InputGeometry, canvas: UInt8Array) -> None:
    """Puts ``image``, resized, on a black canvas ``(geometry.height, geometry.width, 3)``."""
    (height, width), (top, left) = geometry.resized, geometry.offset
    area = canvas[top : top + height, left : left + width]
    if geometry.resized == image.shape[:2]:
        np.copyto(area, image)
        return
    interpolation = cv2.INTER_AREA if height < image.shape[0] else cv2.INTER_LINEAR
    cv2.resize(image, (width, height), area, interpolation=interpolation)


def network_input(images: Sequence[UInt8Array], geometry: InputGeometry) -> Tensor:
    """Returns ``(N, H, W, 3)`` uint8: images of one size, resized and padded with black.

    `Normalisation` converts it to the input of the network.
    """
    return torch.from_numpy(fill_canvas(images, geometry, empty_canvas(len(images), geometry)))


def empty_canvas(count: int, geometry: InputGeometry) -> UInt8Array:
    """Returns a black canvas ``(count, H, W, 3)`` uint8."""
    return np.zeros((count, geometry.height, geometry.width, 3), np.uint8)


def fill_canvas(
    images: Sequence[UInt8Array], geometry: InputGeometry, canvas: UInt8Array
) -> UInt8Array:
    """Puts images of one size on a canvas that was black or held images of the same size.

    Args:
        images: ``(h, w, 3)`` uint8 each, resized to fit.
        geometry: Their placement on the canvas.
        canvas: ``(N, H, W, 3)`` uint8, see `empty_canvas`; returned.
    """
    for image, area in zip(images, canvas, strict=True):
        place(image, geometry, area)
    return canvas


class Normalisation(nn.Module):
    """Normalises pixels as in SpotNet's training.

    Mean and standard deviation are on the module's device: copying them for each input would make a
    GPU wait.

    Args:
        device: Device of the computation.
    """

    def __init__(self, device: torch.device | str = "cpu") -> None:
        super().__init__()
        self.mean = nn.Buffer(torch.tensor(MEAN_BGR, device=device), persistent=False)
        self.std = nn.Buffer(torch.tensor(STD_BGR, device=device), persistent=False)

    def forward(self, images: Tensor) -> Tensor:
        """Converts ``(N, H, W, 3)`` uint8 BGR to ``(N, 3, H, W)`` float32, channels last."""
        # Whole rows at once: a CPU is slow if it processes three numbers at a time.
        pixels = (images.shape[2], 3)
        mean, std = (values.expand(pixels).flatten() for values in (self.mean, self.std))
        rows = images.flatten(2).float().mul_(1 / 255).sub_(mean).div_(std)
        return rows.reshape(images.shape).permute(0, 3, 1, 2)
