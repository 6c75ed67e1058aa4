"""The pixels of decoded frames, upright, as the stages after the decoder expect them."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange, Colorspace
from av.video.stream import VideoStream

from stages.records import PixelFormat, UInt8Array


def quarter_turns(frame: VideoFrame) -> int:
    """How many quarter turns clockwise set a frame upright, in [0, 3].

    Cameras that were held upright say so in a display matrix. Matrices that mirror, or turn by
    other angles, change nothing here.
    """
    rotation = frame.rotation  # degrees, counter-clockwise
    if rotation == 0 or rotation % 90 or _is_mirrored(frame):
        return 0
    return -rotation // 90 % 4


def upright_size(frame: VideoFrame, turns: int) -> tuple[int, int]:
    """Height and width after so many quarter turns."""
    return (frame.width, frame.height) if turns % 2 else (frame.height, frame.width)


def pixel_aspect(stream: VideoStream, turns: int) -> Fraction:
    """Width of an upright frame's pixel to its height; 1 where the stream does not say."""
    aspect = stream.sample_aspect_ratio or Fraction(1)
    return 1 / aspect if turns % 2 else aspect


def pixel_format_of(frame: VideoFrame) -> PixelFormat:
    """The format in which a decoded frame goes to the other stages.

    What does not say its matrix is taken for BT.601, as by FFmpeg's and OpenCV's conversions.
    """
    if frame.height % 2 or frame.width % 2:
        return PixelFormat.BGR24
    is_bt709 = frame.colorspace == Colorspace.ITU709
    return PixelFormat.YUV420P_BT709 if is_bt709 else PixelFormat.YUV420P


def fill(pixels: UInt8Array, frame: VideoFrame, pixel_format: PixelFormat, turns: int) -> None:
    """Copies or converts a decoded frame into ``pixels``, planes one after another.

    Args:
        pixels: Of the upright frame's shape.
        frame: As it was decoded.
        pixel_format: Layout of ``pixels``.
        turns: Quarter turns clockwise.
    """
    if pixel_format is PixelFormat.BGR24:
        _turn(np.asarray(frame.to_ndarray(format="bgr24"), np.uint8), turns, pixels)
        return
    # VP9 and AV1 have no format of their own for full range, as H.264 has in yuvj420p.
    if frame.format.name != "yuv420p" or frame.color_range == ColorRange.JPEG:
        frame = frame.reformat(format="yuv420p", dst_color_range="MPEG")
    flat = pixels.reshape(-1)
    start = 0
    for plane in frame.planes:
        size = plane.height * plane.width
        rows = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)
        samples = rows[: plane.height, : plane.width]
        shape = samples.shape[::-1] if turns % 2 else samples.shape
        _turn(samples, turns, flat[start : start + size].reshape(shape))
        start += size


def _turn(image: UInt8Array, turns: int, turned: UInt8Array) -> None:
    """Writes ``image``, so many quarter turns clockwise, to ``turned``."""
    if turns == 0:
        np.copyto(turned, image)
        return
    import cv2  # here, since most cameras' processes have no use for its memory

    ways = (cv2.ROTATE_90_CLOCKWISE, cv2.ROTATE_180, cv2.ROTATE_90_COUNTERCLOCKWISE)
    cv2.rotate(image, ways[turns - 1], dst=turned)


def _is_mirrored(frame: VideoFrame) -> bool:
    try:
        matrix = np.frombuffer(
            frame.side_data["DISPLAYMATRIX"],  # type: ignore[typeddict-item]
            np.int32,
        )
    except ValueError:  # beside it lies something that this PyAV has no name for
        return False
    (a, b), (c, d) = matrix.astype(np.float64).reshape(3, 3)[:2, :2]
    return bool(a * d < b * c)
