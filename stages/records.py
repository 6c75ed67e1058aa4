"""The records that the stages exchange.

Records hold no sockets, files or processes: a stage takes records and returns records. Their
encoding between processes is defined in ``pipeline/transport/messages.py``.

Throughout the program, boxes are ``(left, top, right, bottom)`` in pixels of the source frame, with
the origin at the top left, and frame indices are 0-based.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

Float32Array: TypeAlias = npt.NDArray[np.float32]
Float64Array: TypeAlias = npt.NDArray[np.float64]
Int16Array: TypeAlias = npt.NDArray[np.int16]
Int64Array: TypeAlias = npt.NDArray[np.int64]
UInt8Array: TypeAlias = npt.NDArray[np.uint8]
BoolArray: TypeAlias = npt.NDArray[np.bool_]

View: TypeAlias = tuple[float, ...]
"""Where a frame of a moving camera lies on the picture on which lines and zones were drawn: the
rows of the homography from the frame's pixels to the picture's, nine numbers, with the origin at
the outer corner of the first pixel; empty if the frame does not show the picture's view."""

SECONDS_ERROR = 1e-6
"""Tolerance when comparing times in seconds: as floats, 0.7 − 0.2 is less than half a second."""


class PixelFormat(StrEnum):
    """How the bytes of a frame are laid out.

    ``YUV420P``: one ``(height * 3 // 2, width)`` uint8 array, planes Y, U, V one after another
    (OpenCV's I420), limited range, BT.601; width and height are even. The others have the same
    layout and another matrix: ``YUV420P_BT709``, sent by most HD cameras; ``YUV420P_BT2020``, used
    by phones for 10-bit video; ``YUV420P_SMPTE240M``. ``BGR24``: ``(height, width, 3)``.
    """

    YUV420P = "yuv420p"
    YUV420P_BT709 = "yuv420p-bt709"
    YUV420P_SMPTE240M = "yuv420p-smpte240m"
    YUV420P_BT2020 = "yuv420p-bt2020"
    BGR24 = "bgr24"

    @property
    def is_yuv(self) -> bool:
        """Whether its first ``height`` rows are luma."""
        return self is not PixelFormat.BGR24

    def shape(self, height: int, width: int) -> tuple[int, ...]:
        """Returns the array shape of a frame in this format."""
        if self.is_yuv:
            return (height * 3 // 2, width)
        return (height, width, 3)


class EndReason(StrEnum):
    """Why a stream ended."""

    COMPLETE = "complete"
    INTERRUPTED = "interrupted"  # the user stopped the run
    TRUNCATED = "truncated"  # the source ended early


class DropReason(StrEnum):
    """Why frames are missing from the results."""

    BEHIND = "stages behind"  # in live mode: a stage is too slow, or was killed
    RESTARTED = "decoder restarted"  # they were queued in a decoder that died
    BROKEN = "broken frame"
    UNREADABLE = "unreadable image"


@dataclass(frozen=True, slots=True)
class StreamStart:
    """First record of every epoch of a stream, with what later stages need to prepare.

    Attributes:
        stream: Name of the stream, unique in a run; also its folder in the results.
        epoch: 0 at first, +1 after each reconnect and each change of size.
        source: Where the frames come from, credentials removed.
        height: Frame height in pixels.
        width: Frame width in pixels.
        frame_rate: Frames per second as the container states it.
        time_base: Unit of ``FrameHeader.pts`` in seconds.
        frame_count: Number of frames to come; None if the source does not know it.
        color_space: FFmpeg's ``AVColorSpace`` number of the YUV frames (2 = unspecified).
        pixel_aspect: Width of a displayed pixel over its height.
        layout: Benchmark whose file names the results must follow, or "".
        live: Whether the frames are captured now, rather than read from a recorded video.
        detector: Name of the detector. The detector stage fills in this and the next two.
        class_names: Names of the classes that ``Detections.classes`` indexes.
        detected_by: What computes the detections, in words for the user.
    """

    stream: str
    epoch: int
    source: str
    height: int
    width: int
    frame_rate: Fraction
    time_base: Fraction
    frame_count: int | None = None
    color_space: int = 2
    pixel_aspect: Fraction = Fraction(1)
    layout: str = ""
    live: bool = False
    detector: str = ""
    class_names: tuple[str, ...] = ()
    detected_by: str = ""

    def header(
        self, sequence: int, index: int, pts: int, captured_ns: int, pixel_format: PixelFormat
    ) -> FrameHeader:
        """Returns the header of a frame of this epoch."""
        return FrameHeader(
            self.stream,
            self.epoch,
            sequence,
            index,
            pts,
            self.time_base,
            captured_ns,
            self.height,
            self.width,
            pixel_format,
        )


@dataclass(frozen=True, slots=True)
class FrameHeader:
    """Everything about a frame but its pixels.

    Attributes:
        stream: Name of the stream.
        epoch: Epoch of the stream, see `StreamStart`.
        sequence: 0-based, +1 for each frame the decoder emits, dropped ones included. It continues
            through all epochs.
        index: 0-based position in the source (differs from ``sequence`` if the run starts
            later or takes every n-th frame). It rises through all epochs. The frame number in files
            is ``index + 1``.
        pts: Presentation time in units of ``time_base``.
        time_base: Unit of ``pts`` in seconds.
        captured_ns: Wall-clock time when the decoder output the frame, ns since the Unix epoch;
            earlier if it was held back because the camera had fallen silent.
        height: Height in pixels.
        width: Width in pixels.
        pixel_format: Layout of the pixels.
        view: The frame's `View`; None if lines and zones are in pixels of the frame itself.
    """

    stream: str
    epoch: int
    sequence: int
    index: int
    pts: int
    time_base: Fraction
    captured_ns: int
    height: int
    width: int
    pixel_format: PixelFormat
    view: View | None = None

    @classmethod
    def of_image(
        cls,
        height: int,
        width: int,
        stream: str = "",
        index: int = 0,
        *,
        pixel_format: PixelFormat = PixelFormat.BGR24,
        time_base: Fraction = Fraction(1),
    ) -> FrameHeader:
        """Returns the header of an image that no decoder emitted, with one per ``time_base``."""
        return cls(stream, 0, index, index, index, time_base, 0, height, width, pixel_format)

    @property
    def number(self) -> int:
        """1-based frame number, as written in files."""
        return self.index + 1

    @property
    def seconds(self) -> float:
        """Presentation time in seconds; a float, so compare it with `SECONDS_ERROR`."""
        return float(self.pts * self.time_base)

    @property
    def shape(self) -> tuple[int, ...]:
        """Array shape of this frame's pixels."""
        return self.pixel_format.shape(self.height, self.width)


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """A frame and its pixels.

    Attributes:
        header: Description of the frame.
        pixels: Array of ``header.shape``; None if no stage needs them (detection files).
        motion: ``(2, 3)`` float32 affine map from the pixels of the last frame that was not dropped
            to those of this one, if camera motion was computed.
    """

    header: FrameHeader
    pixels: UInt8Array | None
    motion: Float32Array | None = None

    @classmethod
    def of_image(cls, image: npt.NDArray[Any] | None, stream: str = "", index: int = 0) -> Frame:
        """Returns ``image`` ``(H, W, 3)`` uint8 BGR as the frame at ``index`` of a stream.

        Raises:
            ValueError: The image has another shape or dtype, is empty, or is None, which
                ``cv2.imread`` returns for a file that it cannot read.
        """
        shape = () if image is None else np.shape(image)
        dtype = getattr(image, "dtype", type(image).__name__)
        if len(shape) != 3 or shape[2] != 3 or 0 in shape or dtype != np.uint8:
            raise ValueError(f"an image must be (H, W, 3) uint8 BGR, got {shape} {dtype}")
        return cls(FrameHeader.of_image(shape[0], shape[1], stream, index), image)

    def required_pixels(self) -> UInt8Array:
        """Returns the pixels, for a stage that needs them.

        Raises:
            ValueError: The frame has no pixels, they are not uint8 of the shape that its header
                states, or they are YUV and a side is odd.
        """
        header, pixels = self.header, self.pixels
        if pixels is None:
            raise ValueError(f"{header.stream}: frame {header.number} has no pixels")
        shape, dtype = np.shape(pixels), getattr(pixels, "dtype", type(pixels).__name__)
        if shape != header.shape or dtype != np.uint8:
            raise ValueError(
                f"{header.stream}: frame {header.number} must have pixels {header.shape} uint8, "
                f"got {shape} {dtype}"
            )
        if header.pixel_format.is_yuv and (header.height % 2 or header.width % 2):
            raise ValueError(
                f"{header.stream}: frame {header.number} is {header.pixel_format}, whose sides "
                f"must be even, got {header.width}x{header.height}"
            )
        return pixels


@dataclass(frozen=True, slots=True, eq=False)
class Detections:
    """The detections of one frame.

    Attributes:
        frame: Header of the frame.
        boxes: ``(N, 4)`` float32.
        scores: ``(N,)`` float32 in [0, 1].
        classes: ``(N,)`` int16 indices into ``StreamStart.class_names``.
        motion: Camera motion of the frame, see `Frame`.
    """

    frame: FrameHeader
    boxes: Float32Array
    scores: Float32Array
    classes: Int16Array
    motion: Float32Array | None = None

    def __len__(self) -> int:
        return len(self.boxes)


@dataclass(frozen=True, slots=True, eq=False)
class Tracks:
    """The tracks of one frame, and the detections they were made from.

    Attributes:
        detections: The tracker's input.
        boxes: ``(N, 4)`` float32.
        scores: ``(N,)`` float32 in [0, 1]: score of the detection each track was updated with.
        classes: ``(N,)`` int16.
        ids: ``(N,)`` int64, 1-based, never reused in a stream. A stream that is added again under
            the name of an ended one is a new stream.
    """

    detections: Detections
    boxes: Float32Array
    scores: Float32Array
    classes: Int16Array
    ids: Int64Array

    @property
    def frame(self) -> FrameHeader:
        """The frame these tracks belong to."""
        return self.detections.frame

    def __len__(self) -> int:
        return len(self.boxes)


@dataclass(frozen=True, slots=True)
class Dropped:
    """Frames ``first`` to ``last`` (sequence numbers, inclusive) that were dropped, and why."""

    stream: str
    epoch: int
    first: int
    last: int
    reason: DropReason


@dataclass(frozen=True, slots=True)
class EndOfStream:
    """Last record of a stream.

    Attributes:
        stream: Name of the stream.
        epoch: Epoch in which it ended.
        frames: Number of frames the decoder emitted over the whole stream.
        reason: Why it ended.
        message: One line for the user, or "".
    """

    stream: str
    epoch: int
    frames: int
    reason: EndReason
    message: str = ""
