"""Makes the network's inputs on a device: frames are copied there once, as decoded."""

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

_ROOM = 8  # minimum number of frames of a shape to allocate for
_SHAPES = 8  # of frames, for which memory is kept


class DeviceInput:
    """Copies frames to a device, converts, resizes and pads them there.

    The result equals that of `InputMemory` except for rounding. Frames are copied to a GPU from
    page-locked memory, each while the next one is written there.

    Args:
        device: Device of the network.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device
        on_gpu = device.type == "cuda"
        self._copies = torch.cuda.Stream(device) if on_gpu else None
        self._memory: LruCache[tuple[int, ...], tuple[Tensor, Tensor]] = LruCache(_SHAPES)
        # Small, and never dropped: `Recordings` keep reading them.
        self._taps: dict[tuple[int, int], tuple[Tensor, Tensor]] = {}

    @torch.inference_mode()
    def upload(self, frames: Sequence[Frame], count: int = 0) -> Tensor:
        """Returns the pixels of frames of one shape, ``(N, …)`` uint8 on the device.

        ``N`` is the number of frames, or ``count`` if that is more; the surplus holds arbitrary
        pixels. The memory stays the same while the shape is among the latest, and is reused by the
        next call, so computation on it must have finished by then.

        Raises:
            ValueError: A frame has no pixels.
        """
        count = max(count, len(frames))
        staged, there = self._memory_for(count, frames[0].header.shape)
        for index, frame in enumerate(frames):
            np.copyto(staged[index].numpy(), frame.required_pixels())
            with torch.cuda.stream(self._copies):  # None on a CPU
                there[index].copy_(staged[index], non_blocking=True)
        if self._copies is not None:
            torch.cuda.current_stream(self._device).wait_stream(self._copies)
        return there[:count]

    @torch.inference_mode()
    def convert(self, pixels: Tensor, header: FrameHeader, geometry: InputGeometry) -> Tensor:
        """Converts what `upload` returned to ``(N, H, W, 3)`` uint8 BGR, resized and padded."""
        if header.pixel_format.is_yuv:
            images = yuv_to_bgr(pixels, header.pixel_format)
        else:
            images = pixels.permute(0, 3, 1, 2).float()
        (height, width), (top, left) = geometry.resized, geometry.offset
        images = self._resized(images, height, width)
        right, bottom = geometry.width - width - left, geometry.height - height - top
        padded = F.pad(images, (left, right, top, bottom))
        return padded.permute(0, 2, 3, 1).to(torch.uint8)

    def _memory_for(self, count: int, shape: tuple[int, ...]) -> tuple[Tensor, Tensor]:
        """Returns memory for at least ``count`` frames: page-locked on the host, on the device."""
        memory = self._memory.get(shape)
        if memory is None or len(memory[0]) < count:
            room = (max(count, _ROOM), *shape)
            staged = torch.empty(room, dtype=torch.uint8, pin_memory=self._copies is not None)
            there = torch.empty_like(staged, device=self._device)
            memory = self._memory.keep(shape, (staged, there))
        return memory

    def _resized(self, images: Tensor, height: int, width: int) -> Tensor:
        """Resizes as OpenCV does: by area to shrink, bilinear to enlarge; rounds to integers."""
        if (height, width) == images.shape[2:]:
            return images
        if height >= images.shape[2]:
            images = F.interpolate(images, (height, width), mode="bilinear", align_corners=False)
        else:
            for dimension, size in ((2, height), (3, width)):
                places, weights = self._area_taps(images.shape[dimension], size)
                images = weighted_sum(images, dimension, places, weights)
        return images.round_().clamp_(0, 255)

    def _area_taps(self, before: int, after: int) -> tuple[Tensor, Tensor]:
        if (before, after) not in self._taps:
            places, weights = area_taps(before, after)
            self._taps[before, after] = (places.to(self._device), weights.to(self._device))
        return self._taps[before, after]


def yuv_to_bgr(pixels: Tensor, pixel_format: PixelFormat) -> Tensor:
    """Converts planar YUV 4:2:0 as `to_bgr` does.

    Args:
        pixels: ``(N, H * 3 / 2, W)`` uint8.
        pixel_format: Format of ``pixels``.

    Returns:
        ``(N, 3, H, W)`` float32, whole numbers in [0, 255].
    """
    count, rows, width = pixels.shape
    height = rows * 2 // 3
    # Limited range: 219 steps from black to white, 224 of chroma.
    luma = (pixels[:, :height].float() - 16).clamp_(min=0) * (255 / 219)
    chroma = pixels[:, height:].reshape(count, 2, height // 2, width // 2).float() - 128
    chroma *= 255 / 224
    chroma = chroma.repeat_interleave(2, dim=2).repeat_interleave(2, dim=3)
    u, v = chroma[:, 0], chroma[:, 1]
    bgr = [
        luma + from_u * u + from_v * v for _, from_u, from_v in yuv_matrix(pixel_format).tolist()
    ]
    return torch.stack(bgr, dim=1).round_().clamp_(0, 255)


def area_taps(before: int, after: int) -> tuple[Tensor, Tensor]:
    """Returns the taps that shrink a line, weighted by the area that each new pixel covers.

    Args:
        before: Number of pixels in the line.
        after: Number of pixels in the new, shorter line.

    Returns:
        Positions ``(K, after)`` int64 in the line, and their weights ``(K, after)`` float32, whose
        columns sum to 1.
    """
    step = before / after
    starts = np.arange(after) * step
    count = int(np.ceil(step)) + 1
    places = np.floor(starts).astype(np.int64) + np.arange(count)[:, None]
    covered = np.minimum(places + 1, starts + step) - np.maximum(places, starts)
    weights = covered.clip(min=0)
    weights /= weights.sum(axis=0)
    return torch.from_numpy(places.clip(max=before - 1)), torch.from_numpy(weights).float()


def weighted_sum(images: Tensor, dimension: int, places: Tensor, weights: Tensor) -> Tensor:
    """Applies `area_taps` to ``images`` ``(N, C, H, W)`` along ``dimension`` (2 or 3)."""
    shape = (-1, 1) if dimension == 2 else (-1,)
    return sum(
        (images.index_select(dimension, line) * weight.reshape(shape)
         for line, weight in zip(places, weights, strict=True)),
        start=torch.zeros((), device=images.device),
    )  # fmt: skip
