"""Converts frames to planar YUV 4:2:0 of even size, as encoders require."""

from __future__ import annotations

import cv2
import numpy as np
from av.video.frame import VideoFrame

from stages.color_spaces import LIMITED_RANGE
from stages.records import PixelFormat, UInt8Array
from stages.sink.drawing import YuvCanvas


def even(length: int) -> int:
    """Returns ``length`` rounded up to an even number."""
    return length + length % 2


def picture_size(height: int, width: int, max_height: int | None) -> tuple[int, int]:
    """Returns even height and width of a frame's picture, scaled to at most ``max_height``."""
    if max_height is None or height <= max_height:
        return even(height), even(width)
    return max_height // 2 * 2, even(round(width * max_height / height))


def copy_frame(
    pixels: UInt8Array, pixel_format: PixelFormat, color_space: int, size: tuple[int, int]
) -> VideoFrame:
    """Copies a frame's pixels; if a BGR frame has an odd size, its last column or row is repeated.

    Args:
        pixels: Pixels in the layout of ``pixel_format``.
        pixel_format: Format of the pixels.
        color_space: FFmpeg's ``AVColorSpace`` number of the copy.
        size: Height and width of the copy, see `picture_size`.
    """
    if pixel_format is PixelFormat.BGR24:
        height, width = even(pixels.shape[0]), even(pixels.shape[1])
        bottom, right = height - pixels.shape[0], width - pixels.shape[1]
        if bottom or right:
            border = cv2.copyMakeBorder(pixels, 0, bottom, 0, right, cv2.BORDER_REPLICATE)
            pixels = np.asarray(border, np.uint8)
        pixels = np.asarray(cv2.cvtColor(pixels, cv2.COLOR_BGR2YUV_I420), np.uint8)
    height, width = pixels.shape[0] * 2 // 3, pixels.shape[1]
    frame = VideoFrame(size[1], size[0], "yuv420p")
    frame.colorspace = color_space
    frame.color_range = LIMITED_RANGE
    luma = height * width
    u, v = pixels.reshape(-1)[luma:].reshape(2, height // 2, width // 2)
    for plane, samples in zip(_planes(frame), (pixels[:height], u, v), strict=True):
        if plane.shape == samples.shape:
            plane[:] = samples
        else:
            cv2.resize(samples, plane.shape[::-1], plane, interpolation=cv2.INTER_AREA)
    return frame


def cropped(
    pixels: UInt8Array, pixel_format: PixelFormat, box: tuple[int, int, int, int]
) -> UInt8Array:
    """Copies the part of a frame inside a box, ltrb, at least 0; empty if they do not overlap.

    With planar YUV, the box is extended to even columns and rows.
    """
    left, top, right, bottom = box
    if pixel_format is PixelFormat.BGR24:
        return pixels[top:bottom, left:right].copy()
    height, width = pixels.shape[0] * 2 // 3, pixels.shape[1]
    chroma = pixels[height:].reshape(2, height // 2, width // 2)
    left, top, right, bottom = left // 2, top // 2, even(right) // 2, even(bottom) // 2
    luma = pixels[:height][2 * top : 2 * bottom, 2 * left : 2 * right]
    planes = luma, *chroma[:, top:bottom, left:right]
    return np.concatenate([plane.ravel() for plane in planes]).reshape(-1, luma.shape[1] or 1)


def canvas_of(frame: VideoFrame) -> YuvCanvas:
    """Returns a canvas that draws onto the frame itself."""
    return YuvCanvas(*_planes(frame))


def _planes(frame: VideoFrame) -> tuple[UInt8Array, UInt8Array, UInt8Array]:
    """Returns writable views of the frame's Y, U and V."""
    y, u, v = (
        np.frombuffer(memoryview(plane), np.uint8).reshape(plane.height, -1)[:, : plane.width]
        for plane in frame.planes
    )
    return y, u, v
