"""The annotated video: H.264 in MP4, playable in a browser."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from queue import Queue
from typing import TypeAlias

import av
import cv2
import numpy as np
from av.container import OutputContainer
from av.error import FFmpegError
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from stages.errors import OutputError
from stages.records import FrameHeader, PixelFormat, StreamStart, Tracks, UInt8Array
from stages.sink.atomic import make_folder, output_error, part_path, publish, sync
from stages.sink.drawing import YuvCanvas
from stages.sink.painter import OverlayPainter
from stages.sink.timeline import Timeline

_WAITING_FRAMES = 3
_LIMITED_RANGE = 1  # AVCOL_RANGE_MPEG
_BT601 = 6  # AVCOL_SPC_SMPTE170M, what OpenCV converts BGR to
_UNSPECIFIED = 2
_KEYFRAME_SECONDS = 4  # how far a player may have to decode after a jump

_Job: TypeAlias = tuple[VideoFrame, int, Tracks, int]


class OverlayWriter:
    """Draws tracks on frames and encodes them, in a thread of its own.

    The thread keeps drawing and encoding off the caller: `write` copies the pixels and returns,
    and waits only while three frames are in line. An error in the thread is raised by the next
    call. The video keeps the source's presentation times and time base, counted from its first
    frame, so variable frame rates stay as they are. The last frame is shown for the typical
    duration of one. There are no B-frames: times in the file are then exact, and no player needs
    an edit list. Frames of odd size get one more column or row, a copy of their last.

    Nothing bears the final name before `commit`; without a frame there is no file.

    Args:
        path: Final name, ending in ``.mp4``.
        start: The stream: frame size, rate, time base, colour space and class names.
        preset: Preset of x264, such as ``superfast``.
        crf: Quality of x264, 0 (lossless) to 51.
        threads: Threads of the encoder.
        trail_length: How many past centres of a track to draw.
        min_score: Tracks with a lower score are not drawn.
    """

    def __init__(
        self,
        path: Path,
        start: StreamStart,
        *,
        preset: str = "superfast",
        crf: int = 23,
        threads: int = 1,
        trail_length: int = 25,
        min_score: float = 0.0,
    ) -> None:
        self.path = path
        self.frames = 0
        self._start = start
        self._options = {"preset": preset, "crf": str(crf)}
        self._threads = threads
        self._height = start.height + start.height % 2
        self._width = start.width + start.width % 2
        self._painter = OverlayPainter(
            self._height,
            self._width,
            start.color_space,
            start.class_names,
            trail_length,
            min_score,
        )
        self._timeline = Timeline(start.time_base, start.frame_rate)
        self._jobs: Queue[_Job | None] = Queue(_WAITING_FRAMES)
        self._error: OutputError | Exception | None = None
        self._discarded = False
        make_folder(path.parent)
        self._thread: threading.Thread | None = None
        self._closed = False

    @property
    def seconds(self) -> float:
        """Length of the video so far."""
        return self._timeline.seconds

    def accepts(self, frame: FrameHeader) -> bool:
        """Whether the frame has the size of this video."""
        return (frame.height, frame.width) == (self._start.height, self._start.width)

    def write(self, tracks: Tracks, pixels: UInt8Array, number: int | None = None) -> None:
        """Adds a frame.

        Args:
            tracks: The tracks to draw, and which frame this is.
            pixels: The frame, laid out as its header says. It is only read, and not kept.
            number: 1-based frame number to show, by default the header's.

        Raises:
            OutputError: This or an earlier frame cannot be written.
            ValueError: The frame is not of the video's size.
        """
        self._raise_error()
        frame = tracks.frame
        if not self.accepts(frame) or pixels.shape != frame.shape:
            raise ValueError(
                f"frame {frame.number} of {frame.width}x{frame.height} with pixels {pixels.shape} "
                f"in a video of {self._start.width}x{self._start.height}"
            )
        if self._closed:
            raise ValueError(f"{self.path} is closed")
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="overlay", daemon=True)
            self._thread.start()
        video_frame = self._copy(pixels, frame.pixel_format)
        pts = self._timeline.place(frame)
        self._jobs.put((video_frame, pts, tracks, frame.number if number is None else number))
        self.frames += 1

    def close(self) -> None:
        """Waits until all frames are encoded and on the disk; the name does not change yet.

        Raises:
            OutputError: A frame, or the end of the file, cannot be written.
        """
        self._stop()
        self._raise_error()

    def commit(self) -> None:
        """Closes the video and gives it its final name.

        Raises:
            OutputError: See `close`.
        """
        self.close()
        if self.frames:
            publish(self.path)

    def discard(self) -> None:
        """Stops and removes what was written."""
        self._discarded = True
        self._stop()
        with contextlib.suppress(OSError):
            part_path(self.path).unlink(missing_ok=True)

    def _stop(self) -> None:
        if self._thread is not None and not self._closed:
            self._jobs.put(None)
            self._thread.join()
        self._closed = True

    def _raise_error(self) -> None:
        if self._error is not None:
            raise self._error

    def _copy(self, pixels: UInt8Array, pixel_format: PixelFormat) -> VideoFrame:
        """The one copy of the frame; everything after works on it."""
        if pixel_format is PixelFormat.BGR24:
            bottom, right = self._height - pixels.shape[0], self._width - pixels.shape[1]
            if bottom or right:
                border = cv2.copyMakeBorder(pixels, 0, bottom, 0, right, cv2.BORDER_REPLICATE)
                pixels = np.asarray(border, np.uint8)
            pixels = np.asarray(cv2.cvtColor(pixels, cv2.COLOR_BGR2YUV_I420), np.uint8)
            color_space = _BT601
        else:
            # RGB (0) and reserved (3) say nothing sensible about YUV, and x264 takes 0 at its word.
            color_space = self._start.color_space
            if color_space in (0, 3):
                color_space = _UNSPECIFIED
        frame = VideoFrame(self._width, self._height, "yuv420p")
        frame.colorspace = color_space
        frame.color_range = _LIMITED_RANGE
        luma = self._height * self._width
        flat = pixels.reshape(-1)
        for plane, samples in zip(
            _planes(frame),
            (flat[:luma], flat[luma : luma + luma // 4], flat[luma + luma // 4 :]),
            strict=True,
        ):
            plane[:] = samples.reshape(plane.shape)
        return frame

    def _run(self) -> None:
        """The thread: draws, encodes and writes until it is told to stop."""
        encoder: _Encoder | None = None
        while (job := self._jobs.get()) is not None:
            if self._error is not None or self._discarded:
                continue  # the caller may be waiting for room in the queue
            frame, pts, tracks, number = job
            try:
                self._painter.draw(YuvCanvas(*_planes(frame)), tracks, number)
                frame.pts = pts
                frame.time_base = self._timeline.time_base
                if encoder is None:
                    encoder = _Encoder(
                        self.path,
                        frame,
                        self._timeline.time_base,
                        self._start.frame_rate,
                        self._options,
                        self._threads,
                    )
                encoder.encode(frame)
            except Exception as error:
                self._error = error
        if encoder is None:
            return
        try:
            if self._error is None and not self._discarded:
                encoder.finish(self._timeline.typical_duration)
        except Exception as error:
            self._error = error
        finally:
            encoder.close()


class _Encoder:
    """One MP4 file being written aside; all errors are `OutputError`."""

    def __init__(
        self,
        path: Path,
        first: VideoFrame,
        time_base: Fraction,
        frame_rate: Fraction,
        options: dict[str, str],
        threads: int,
    ) -> None:
        self._path = path
        with _errors_of(path):
            self._container: OutputContainer = av.open(
                str(part_path(path)),
                "w",
                format="mp4",
                options={"movflags": "+faststart"},
            )
        # FFmpeg's numbers have 32 bits; the rate only guides the encoder.
        rate = (frame_rate if frame_rate > 0 else Fraction(25)).limit_denominator(1_000_000)
        stream: VideoStream = self._container.add_stream("libx264", rate=rate, options=options)
        context = stream.codec_context
        context.width, context.height = first.width, first.height
        context.pix_fmt = "yuv420p"
        context.time_base = time_base
        stream.time_base = time_base
        context.colorspace = first.colorspace
        context.color_range = _LIMITED_RANGE
        context.max_b_frames = 0
        context.gop_size = max(1, min(250, round(_KEYFRAME_SECONDS * rate)))
        context.thread_count = threads
        self._stream = stream
        self._held: av.Packet | None = None

    def encode(self, frame: VideoFrame) -> None:
        with _errors_of(self._path):
            self._mux(self._stream.encode(frame))

    def finish(self, last_duration: int) -> None:
        """Writes what the encoder still holds, the last frame ``last_duration`` long."""
        with _errors_of(self._path):
            self._mux(self._stream.encode(None))
            if self._held is not None:
                self._held.duration = last_duration
                self._container.mux(self._held)
            self._container.close()
        with _errors_of(self._path):
            sync(part_path(self._path))

    def close(self) -> None:
        """Closes the file, whatever its state; does nothing after `finish`."""
        with contextlib.suppress(OSError, FFmpegError):
            self._container.close()

    def _mux(self, packets: Sequence[av.Packet]) -> None:
        # A packet's duration is known with the next; only the last one's has to be guessed.
        for packet in packets:
            held = self._held
            self._held = packet
            if held is not None:
                if packet.dts is not None and held.dts is not None:
                    held.duration = packet.dts - held.dts
                self._container.mux(held)


@contextlib.contextmanager
def _errors_of(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise output_error(path, error) from error
    except FFmpegError as error:
        raise OutputError(f"cannot write {path}: {error.strerror}") from error


def _planes(frame: VideoFrame) -> tuple[UInt8Array, UInt8Array, UInt8Array]:
    """Writable views of the frame's Y, U and V."""
    y, u, v = (
        np.frombuffer(memoryview(plane), np.uint8).reshape(plane.height, -1)[:, : plane.width]
        for plane in frame.planes
    )
    return y, u, v
