"""Frames as an encoder takes them: planar YUV 4:2:0 of even size."""

from __future__ import annotations

import cv2
import numpy as np
from av.video.frame import VideoFrame

from stages.color_spaces import LIMITED_RANGE
from stages.records import PixelFormat, UInt8Array
from stages.sink.drawing import YuvCanvas


def even(length: int) -> int:
    """``length`` rounded up to an even number."""
    return length + length % 2


def copy_frame(pixels: UInt8Array, pixel_format: PixelFormat, color_space: int) -> VideoFrame:
    """Copies a frame's pixels; where BGR has an odd size, its last column or row is doubled.

    Args:
        pixels: Pixels in the layout of ``pixel_format``.
        pixel_format: Format of the pixels.
        color_space: FFmpeg's ``AVColorSpace`` number of the copy.
    """
    if pixel_format is PixelFormat.BGR24:
        height, width = even(pixels.shape[0]), even(pixels.shape[1])
        bottom, right = height - pixels.shape[0], width - pixels.shape[1]
        if bottom or right:
            border = cv2.copyMakeBorder(pixels, 0, bottom, 0, right, cv2.BORDER_REPLICATE)
            pixels = np.asarray(border, np.uint8)
        pixels = np.asarray(cv2.cvtColor(pixels, cv2.COLOR_BGR2YUV_I420), np.uint8)
    height, width = pixels.shape[0] * 2 // 3, pixels.shape[1]
    frame = VideoFrame(width, height, "yuv420p")
    frame.colorspace = color_space
    frame.color_range = LIMITED_RANGE
    luma = height * width
    flat = pixels.reshape(-1)
    for plane, samples in zip(
        _planes(frame),
        (flat[:luma], flat[luma : luma + luma // 4], flat[luma + luma // 4 :]),
        strict=True,
    ):
        plane[:] = samples.reshape(plane.shape)
    return frame


def canvas_of(frame: VideoFrame) -> YuvCanvas:
    """A canvas that draws onto the frame itself."""
    return YuvCanvas(*_planes(frame))


def _planes(frame: VideoFrame) -> tuple[UInt8Array, UInt8Array, UInt8Array]:
    """Writable views of the frame's Y, U and V."""
    y, u, v = (
        np.frombuffer(memoryview(plane), np.uint8).reshape(plane.height, -1)[:, : plane.width]
        for plane in frame.planes
    )
    return y, u, v
