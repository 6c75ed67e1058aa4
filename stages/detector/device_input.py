"""Prepares the network's inputs on a device: decoded frames are copied to it once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from stages.color_spaces import yuv_matrix
from stages.detector.lru_cache import LruCache
from stages.detector.preprocessing import InputGeometry
from stages.records import Frame, FrameHeader, PixelFormat

_MIN_FRAMES = 8  # of a shape, for which memory is allocated
_SHAPES = 8  # of frames, for which memory is kept


class DeviceInput:
    """Copies frames to a device, and converts, resizes and pads them there.

    The result equals that of `InputMemory` except for rounding. Frames are copied to a GPU from
    page-locked memory, each while the next one is written to that memory.

    Args:
        device: Device of the network.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device
        on_gpu = device.type == "cuda"
        self._copies = torch.cuda.Stream(device) if on_gpu else None
        self._memory: LruCache[tuple[int, ...], tuple[Tensor, Tensor]] = LruCache(_SHAPES)
        # Tensor cores multiply in half precision, in which a CPU is slow.
        self._dtype = torch.half if on_gpu else torch.float32
        # By length before and after. Never dropped, because `Recordings` keep reading them.
        self._matrices: dict[tuple[int, int], Tensor] = {}

    @torch.inference_mode()
    def upload(self, frames: Sequence[Frame], count: int = 0) -> Tensor:
        """Returns the pixels of frames of one shape, ``(N, …)`` uint8 on the device.

        ``N`` is the number of frames, or ``count`` if that is more; the surplus holds arbitrary
        pixels. The memory stays the same while the shape is among the latest ones. The next call
        reuses it, so computation on it must have finished by then.

        Raises:
            ValueError: A frame has no pixels, or its pixels do not match its header.
        """
        count = max(count, len(frames))
        staged, on_device = self._memory_for(count, frames[0].header.shape)
        for index, frame in enumerate(frames):
            np.copyto(staged[index].numpy(), frame.required_pixels())
            with torch.cuda.stream(self._copies):  # None on a CPU
                on_device[index].copy_(staged[index], non_blocking=True)
        if self._copies is not None:
            torch.cuda.current_stream(self._device).wait_stream(self._copies)
        return on_device[:count]

    @torch.inference_mode()
    def convert(self, pixels: Tensor, header: FrameHeader, geometry: InputGeometry) -> Tensor:
        """Converts the result of `upload` to ``(N, H, W, 3)`` uint8 BGR, resized and padded."""
        if header.pixel_format.is_yuv:
            images = yuv_to_bgr(pixels, header.pixel_format, self._dtype)
        else:
            images = pixels.permute(0, 3, 1, 2).to(self._dtype)
        (height, width), (top, left) = geometry.resized, geometry.offset
        images = self._resized(images, height, width)
        shape = len(images), geometry.height, geometry.width, 3
        inputs = torch.zeros(shape, dtype=torch.uint8, device=self._device)
        inputs[:, top : top + height, left : left + width] = images.permute(0, 2, 3, 1)
        return inputs

    def _memory_for(self, count: int, shape: tuple[int, ...]) -> tuple[Tensor, Tensor]:
        """Returns memory for at least ``count`` frames: page-locked host memory, device memory."""
        memory = self._memory.get(shape)
        if memory is None or len(memory[0]) < count:
            full_shape = (max(count, _MIN_FRAMES), *shape)
            staged = torch.empty(full_shape, dtype=torch.uint8, pin_memory=self._copies is not None)
            on_device = torch.empty_like(staged, device=self._device)
            memory = self._memory.keep(shape, (staged, on_device))
        return memory

    def _resized(self, images: Tensor, height: int, width: int) -> Tensor:
        """Resizes like OpenCV: by area to shrink, bilinear to enlarge; rounds to integers."""
        if (height, width) == images.shape[2:]:
            return images
        if height >= images.shape[2]:
            images = F.interpolate(images, (height, width), mode="bilinear", align_corners=False)
        else:
            columns = self._areas(images.shape[3], width)
            images = self._areas(images.shape[2], height) @ (images @ columns.T)
        return images.round_().clamp_(0, 255)

    def _areas(self, before: int, after: int) -> Tensor:
        if (before, after) not in self._matrices:
            matrix = area_matrix(before, after).to(self._device, self._dtype)
            self._matrices[before, after] = matrix
        return self._matrices[before, after]


def yuv_to_bgr(
    pixels: Tensor, pixel_format: PixelFormat, dtype: torch.dtype = torch.float32
) -> Tensor:
    """Converts planar YUV 4:2:0 like `to_bgr`.

    Args:
        pixels: ``(N, H * 3 / 2, W)`` uint8.
        pixel_format: Format of ``pixels``.
        dtype: Floating-point type to compute in.

    Returns:
        ``(N, 3, H, W)`` of ``dtype``, whole numbers in [0, 255].
    """
    count, rows, width = pixels.shape
    height = rows * 2 // 3
    # Limited range: 219 steps from black to white, 224 of chroma.
    luma = (pixels[:, :height].to(dtype) - 16).clamp_(min=0).mul_(255 / 219)
    chroma = pixels[:, height:].reshape(count, 2, height // 2, width // 2)
    u, v = (chroma.to(dtype) - 128).mul_(255 / 224).unbind(1)
    matrix = yuv_matrix(pixel_format).tolist()
    colors = torch.stack([from_u * u + from_v * v for _, from_u, from_v in matrix], dim=1)
    # Two by two pixels share a colour: split each axis in two instead of repeating the colours.
    shared = colors[:, :, :, None, :, None]
    bgr = luma.reshape(count, 1, height // 2, 2, width // 2, 2) + shared
    return bgr.reshape(count, 3, height, width).round_().clamp_(0, 255)


def area_matrix(before: int, after: int) -> Tensor:
    """Returns the matrix that shrinks a line; its weights are the areas that each pixel covers.

    Args:
        before: Number of pixels in the line.
        after: Number of pixels in the new, shorter line.

    Returns:
        ``(after, before)`` float32; rows sum to 1.
    """
    step = before / after
    starts = (np.arange(after) * step)[:, None]
    pixels = np.arange(before)
    covered = np.minimum(pixels + 1, starts + step) - np.maximum(pixels, starts)
    return torch.from_numpy((covered.clip(min=0) / step).astype(np.float32))
