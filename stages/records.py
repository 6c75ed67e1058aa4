"""What the stages exchange.

Records hold no socket, no file and no process: a stage takes records and returns records. How they
travel between processes is defined in ``pipeline/transport/messages.py``.

One convention holds everywhere inside the program: boxes are ``(left, top, right, bottom)`` in
pixels of the source frame, origin at the top left, frame indices 0-based.
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

SECONDS_ERROR = 1e-6
"""Within which times in seconds are equal: as floats, 0.7 − 0.2 is less than half a second."""


class PixelFormat(StrEnum):
    """How the bytes of a frame are laid out.

    ``YUV420P``: one ``(height * 3 // 2, width)`` uint8 array, planes Y, U, V one after another
    (OpenCV's I420), limited range, BT.601; width and height are even. ``YUV420P_BT709``: the same
    with the matrix of BT.709, as most HD cameras send it; likewise ``YUV420P_BT2020``, as phones
    send 10-bit video, and ``YUV420P_SMPTE240M``. ``BGR24``: ``(height, width, 3)``.
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
        """Array shape of a frame of this format."""
        if self.is_yuv:
            return (height * 3 // 2, width)
        return (height, width, 3)


class EndReason(StrEnum):
    """Why a stream ended."""

    COMPLETE = "complete"
    INTERRUPTED = "interrupted"  # the user stopped the run
    TRUNCATED = "truncated"  # the source broke off before its end


class DropReason(StrEnum):
    """Why frames are missing from the results."""

    BEHIND = "stages behind"  # in live mode: a stage is too slow, or was killed
    RESTARTED = "decoder restarted"  # they waited in a decoder that died
    BROKEN = "broken frame"
    UNREADABLE = "unreadable image"


@dataclass(frozen=True, slots=True)
class StreamStart:
    """First record of every epoch of a stream: what later stages need to prepare.

    Attributes:
        stream: Name of the stream, unique in a run; also its folder in the results.
        epoch: 0 at first, +1 after each reconnect and each change of size.
        source: Where the frames come from, credentials removed.
        height: Frame height in pixels.
        width: Frame width in pixels.
        frame_rate: Frames per second as the container states it.
        time_base: Unit of ``FrameHeader.pts`` in seconds.
        frame_count: Number of frames to come, None where the source does not know it.
        color_space: FFmpeg's ``AVColorSpace`` number of the YUV frames (2 = unspecified).
        pixel_aspect: Width of a displayed pixel over its height.
        layout: Benchmark whose file names the results must follow, or "".
        live: Whether the frames are captured now; those of a recorded video have their place in it.
        detector: Name of the detector, filled in by the detector stage.
        class_names: Names of the classes that ``Detections.classes`` indexes, likewise.
        detected_by: What computes the detections, for people, likewise.
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
        """The header of a frame of this epoch."""
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
    """A frame's description: everything but its pixels.

    Attributes:
        stream: Name of the stream.
        epoch: Epoch of the stream, see `StreamStart`.
        sequence: 0-based, +1 for each frame the decoder emits, dropped ones included.
        index: 0-based position in the source (differs from ``sequence`` where the run starts
            later or takes every n-th frame). The frame number in files is ``index + 1``.
        pts: Presentation time in units of ``time_base``.
        time_base: Unit of ``pts`` in seconds.
        captured_ns: Wall clock when the frame came out of the decoder, ns since the epoch; earlier
            if a silence of a camera withheld it.
        height: Pixels.
        width: Pixels.
        pixel_format: Layout of the pixels.
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
        """The header of an image that no decoder emitted: one per ``time_base``."""
        return cls(stream, 0, index, index, index, time_base, 0, height, width, pixel_format)

    @property
    def number(self) -> int:
        """1-based frame number, as written in files."""
        return self.index + 1

    @property
    def seconds(self) -> float:
        """Presentation time in seconds, as a float: see `SECONDS_ERROR`."""
        return float(self.pts * self.time_base)

    @property
    def shape(self) -> tuple[int, ...]:
        """Array shape of this frame's pixels."""
        return self.pixel_format.shape(self.height, self.width)


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """A frame and its pixels.

    Attributes:
        header: Which frame.
        pixels: Array of ``header.shape``; None where no stage needs them (detection files).
        motion: ``(2, 3)`` float32 affine map from the pixels of the last frame that was not dropped
            to this one's, where camera motion was computed.
    """

    header: FrameHeader
    pixels: UInt8Array | None
    motion: Float32Array | None = None

    @classmethod
    def of_image(cls, image: npt.NDArray[Any] | None, stream: str = "", index: int = 0) -> Frame:
        """``image`` ``(H, W, 3)`` uint8 BGR as the frame at ``index`` of a stream.

        Raises:
            ValueError: The image is of another shape or dtype, is empty, or is None, as
                ``cv2.imread`` returns it for a file that it cannot read.
        """
        shape = () if image is None else np.shape(image)
        dtype = getattr(image, "dtype", type(image).__name__)
        if len(shape) != 3 or shape[2] != 3 or 0 in shape or dtype != np.uint8:
            raise ValueError(f"an image must be (H, W, 3) uint8 BGR, got {shape} {dtype}")
        return cls(FrameHeader.of_image(shape[0], shape[1], stream, index), image)

    def required_pixels(self) -> UInt8Array:
        """The pixels, for a stage that cannot do without them.

        Raises:
            ValueError: The frame has none, not uint8 of the shape that its header states, or YUV
                with an odd side.
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
    """What a detector saw in one frame.

    Attributes:
        frame: The frame.
        boxes: ``(N, 4)`` float32.
        scores: ``(N,)`` float32 in [0, 1].
        classes: ``(N,)`` int16 index into ``StreamStart.class_names``.
        motion: The frame's, see `Frame`.
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
    """The tracks of one frame, and the detections they were made of.

    Attributes:
        detections: What the tracker was given.
        boxes: ``(N, 4)`` float32.
        scores: ``(N,)`` float32 in [0, 1]: score of the detection each track was updated with.
        classes: ``(N,)`` int16.
        ids: ``(N,)`` int64, 1-based, never reused in a stream; one that is added again under the
            name of an ended one is another stream.
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
    """Frames ``first`` to ``last`` (sequence numbers, inclusive) that will not come, and why."""

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
