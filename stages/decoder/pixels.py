"""Converts decoded frames to upright pixels in the formats that the later stages expect."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange, VideoReformatter
from av.video.stream import VideoStream

from stages.color_spaces import yuv_format
from stages.records import PixelFormat, UInt8Array

# These flag single-field frames as interlaced, although all of their rows show one moment.
_FIELD_CODECS = frozenset({"hevc", "vvc"})


def quarter_turns(frame: VideoFrame) -> int:
    """Returns the number of clockwise quarter turns that make a frame upright, in [0, 3].

    A camera's orientation is stored as a display matrix. Matrices that mirror, or rotate by other
    angles, are ignored.
    """
    rotation = frame.rotation  # degrees, counter-clockwise
    if rotation == 0 or rotation % 90 or _is_mirrored(frame):
        return 0
    return -rotation // 90 % 4


def upright_size(frame: VideoFrame, turns: int) -> tuple[int, int]:
    """Returns height and width after ``turns`` quarter turns."""
    return (frame.width, frame.height) if turns % 2 else (frame.height, frame.width)


def pixel_aspect(stream: VideoStream, turns: int) -> Fraction:
    """Returns the aspect ratio of an upright frame's pixels, width to height; 1 if not stated."""
    aspect = stream.sample_aspect_ratio or Fraction(1)
    return 1 / aspect if turns % 2 else aspect


def pixel_format_of(frame: VideoFrame) -> PixelFormat:
    """Returns the format in which a decoded frame is passed to the other stages.

    A frame without a stated colour matrix is treated as BT.601, as in FFmpeg's and OpenCV's
    conversions.
    """
    if frame.height % 2 or frame.width % 2:
        return PixelFormat.BGR24
    return yuv_format(int(frame.colorspace))


def is_woven(frame: VideoFrame, stream: VideoStream) -> bool:
    """Returns whether a frame is interlaced: even rows show one moment, odd rows another."""
    return frame.interlaced_frame and stream.codec_context.name not in _FIELD_CODECS


def fill(
    pixels: UInt8Array,
    frame: VideoFrame,
    pixel_format: PixelFormat,
    turns: int,
    reformatter: VideoReformatter,
    *,
    woven: bool,
) -> None:
    """Copies or converts a decoded frame into ``pixels``, planes one after another.

    Args:
        pixels: Array to fill, in the shape of the upright frame.
        frame: The decoded frame.
        pixel_format: Layout of ``pixels``.
        turns: Clockwise quarter turns, see `quarter_turns`.
        reformatter: Converts frames that need it; a new one for each frame would be slower.
        woven: Whether to keep only the even rows and interpolate the odd ones, see `is_woven`.
    """
    if pixel_format is PixelFormat.BGR24:
        image = np.asarray(reformatter.reformat(frame, format="bgr24").to_ndarray(), np.uint8)
        _turn(_even_rows(image) if woven else image, turns, pixels)
        return
    # VP9 and AV1 have no format of their own for full range, as H.264 has in yuvj420p.
    is_gray = frame.format.name.startswith("gray")
    if frame.format.name != "yuv420p" or frame.color_range == ColorRange.JPEG:
        # Converters take every grey frame as full range, and would compress this one again.
        is_limited_gray = is_gray and frame.color_range == ColorRange.MPEG
        to = "JPEG" if is_limited_gray else "MPEG"
        frame = reformatter.reformat(frame, format="yuv420p", dst_color_range=to)
    flat = pixels.reshape(-1)
    start = 0
    for plane in frame.planes:
        size = plane.height * plane.width
        rows = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)
        samples = rows[: plane.height, : plane.width]
        if woven:
            samples = _even_rows(samples)
        shape = samples.shape[::-1] if turns % 2 else samples.shape
        _turn(samples, turns, flat[start : start + size].reshape(shape))
        start += size


def _even_rows(image: UInt8Array) -> UInt8Array:
    """Returns a copy whose odd rows are the mean, rounded down, of the rows above and below."""
    filled = image.copy()
    above, odd, below = filled[:-2:2], filled[1:-1:2], filled[2::2]
    np.bitwise_xor(above, below, out=odd)
    odd >>= 1
    odd += above & below  # a sum would not fit into eight bits
    if len(filled) % 2 == 0:
        filled[-1] = filled[-2]
    return filled


def _turn(image: UInt8Array, turns: int, turned: UInt8Array) -> None:
    """Writes ``image``, rotated by ``turns`` clockwise quarter turns, to ``turned``."""
    if turns == 0:
        np.copyto(turned, image)
        return
    import cv2  # here, since most decoders do not need it and it takes memory

    rotations = (cv2.ROTATE_90_CLOCKWISE, cv2.ROTATE_180, cv2.ROTATE_90_COUNTERCLOCKWISE)
    cv2.rotate(image, rotations[turns - 1], dst=turned)


def _is_mirrored(frame: VideoFrame) -> bool:
    try:
        matrix = np.frombuffer(
            frame.side_data["DISPLAYMATRIX"],  # type: ignore[typeddict-item]
            np.int32,
        )
    except ValueError:  # there is other side data that this PyAV has no name for
        return False
    (a, b), (c, d) = matrix.astype(np.float64).reshape(3, 3)[:2, :2]
    return bool(a * d < b * c)
