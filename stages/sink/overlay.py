"""The annotated video: H.264 in MP4, playable in a browser."""

from __future__ import annotations

import contextlib
import itertools
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from queue import Queue
from typing import TypeAlias

from stages.atomic import make_folder, part_path, publish
from stages.color_spaces import BT601, UNSPECIFIED
from stages.errors import OutputError
from stages.records import FrameHeader, PixelFormat, StreamStart, Tracks, UInt8Array
from stages.sink.encoders import choose_encoder
from stages.sink.encoding import (
    PacketWriter,
    VideoSettings,
    count_packets,
    errors_of,
    write_mp4,
)
from stages.sink.memory import give_back_memory
from stages.sink.options import SinkOptions
from stages.sink.painter import OverlayPainter
from stages.sink.pictures import canvas_of, copy_frame, even
from stages.sink.timeline import Timeline, TimelineState

_WAITING_FRAMES = 3

_Job: TypeAlias = tuple[UInt8Array, int, Tracks, int]


@dataclass(frozen=True, slots=True)
class OverlayState:
    """How far a video has come, for a writer that goes on after the process was killed."""

    start: StreamStart
    frames: int
    bgr: bool
    timeline: TimelineState


class OverlayWriter:
    """Draws tracks on frames and encodes them, in a thread of its own.

    `write` hands the frame over and returns; it waits only while three frames are in line. A
    frame's pixels must stay as they are until `kept` says that it is on the disk. An error in the
    thread is raised by the next call. The video keeps the source's presentation times and time
    base, counted from its first frame, so variable frame rates stay as they are. The last frame is
    shown for the typical duration of one. Frames of odd size get one more column or row, a copy of
    their last.

    What is kept survives the process: a writer for the same path goes on, once it was told of the
    same frames again by `repeat`, or what `state` was. Nothing bears the final name before
    `commit`; without a frame there is no file.

    Args:
        path: Final name, ending in ``.mp4``.
        start: The stream: frame size, rate, time base, colour space and class names.
        options: How it is drawn and encoded.
        resume: Where an earlier writer was.
        on_kept: Called in the thread whenever `kept` has grown.
        notify: Told in one line, in any thread, of a video that ends before its last frame.

    Attributes:
        path: See above.
        start: See above.
        frames: How many frames were given to it.
        committed: Whether the video has its final name, and nothing else is left.
    """

    def __init__(
        self,
        path: Path,
        start: StreamStart,
        options: SinkOptions,
        *,
        resume: OverlayState | None = None,
        on_kept: Callable[[], None] = lambda: None,
        notify: Callable[[str], None] = lambda message: None,
    ) -> None:
        self.path = path
        self.start = start
        self.frames = resume.frames if resume else 0
        self.committed = False
        self._bgr = resume.bgr if resume else False
        self._on_kept = on_kept
        self._notify = notify
        self._height = even(start.height)
        self._width = even(start.width)
        self._crf = options.overlay_crf
        self._encoder = choose_encoder(options.overlay_hardware, self._width, self._height)
        self._painter = OverlayPainter(self._height, self._width, start.class_names, options)
        self._timeline = Timeline(start.time_base, start.frame_rate)
        if resume is not None:
            self._timeline.restore(resume.timeline)
        # Finished after the state was saved and before the process was killed.
        self._published = resume is not None and path.exists()
        self._segments = list(_existing_segments(path))
        self._kept = count_packets(self._segments)
        self._jobs: Queue[_Job | None] = Queue(_WAITING_FRAMES)
        self._progress = threading.Condition()
        self._error: OutputError | Exception | None = None
        self._discarded = False
        make_folder(path.parent)
        self._thread: threading.Thread | None = None
        self._closed = False
        self._complete = False

    @property
    def kept(self) -> int:
        """How many frames are with the operating system, and survive the process."""
        return self.frames if self._published else self._kept

    @property
    def seconds(self) -> float:
        """Length of the video so far."""
        return self._timeline.seconds

    def accepts(self, frame: FrameHeader) -> bool:
        """Whether the frame has the size of this video."""
        return (frame.height, frame.width) == (self.start.height, self.start.width)

    def write(self, tracks: Tracks, pixels: UInt8Array, number: int | None = None) -> None:
        """Adds a frame.

        Args:
            tracks: The tracks to draw, and which frame this is.
            pixels: The frame, laid out as its header says. It is only read, until it is kept.
            number: 1-based frame number to show, by default the header's.

        Raises:
            OutputError: This or an earlier frame cannot be written.
            ValueError: The frame is not of the video's size.
        """
        self.check()
        frame = tracks.frame
        if not self.accepts(frame) or pixels.shape != frame.shape:
            raise ValueError(
                f"frame {frame.number} of {frame.width}x{frame.height} with pixels {pixels.shape} "
                f"in a video of {self.start.width}x{self.start.height}"
            )
        if self._closed:
            raise ValueError(f"{self.path} is closed")
        if self._thread is None:
            self._bgr = self._bgr or frame.pixel_format is PixelFormat.BGR24
            self._thread = threading.Thread(target=self._run, name="overlay", daemon=True)
            self._thread.start()
        pts = self._timeline.place(frame)
        self._jobs.put((pixels, pts, tracks, frame.number if number is None else number))
        self.frames += 1

    def repeat(self, tracks: Tracks) -> bool:
        """Books a frame that an earlier writer was given, before the first `write`.

        Returns False, having done nothing, where that writer did not keep it.
        """
        self._published = self._published or self.path.exists()
        if not self._published and self.frames >= self._kept:
            return False
        frame = tracks.frame
        self._bgr = frame.pixel_format is PixelFormat.BGR24
        self._timeline.place(frame)
        self._painter.follow(tracks)
        self.frames += 1
        return True

    def state(self) -> OverlayState:
        """Waits until all frames are kept; what a later writer needs to go on after them."""
        with self._progress:
            self._progress.wait_for(lambda: self._error or self.kept >= self.frames)
        self.check()
        return OverlayState(self.start, self.frames, self._bgr, self._timeline.state())

    def close(self) -> None:
        """Waits until the video is complete and on the disk; the name does not change yet.

        Raises:
            OutputError: A frame, or the video, cannot be written.
        """
        self._stop()
        self.check()
        self._write_video()

    def commit(self) -> None:
        """Closes the video and gives it its final name.

        Raises:
            OutputError: See `close`.
        """
        self.close()
        self._publish()

    def commit_later(self) -> None:
        """Has a thread `commit`, and returns as soon as all frames are kept.

        What goes wrong in the thread is raised by the next call.

        Raises:
            OutputError: A frame cannot be written.
        """
        self._stop()
        self.check()
        self._thread = threading.Thread(target=self._commit_aside, name="overlay", daemon=True)
        self._thread.start()

    def discard(self) -> None:
        """Stops and removes what was written."""
        self._discarded = True
        self._stop()
        with contextlib.suppress(OSError):
            part_path(self.path).unlink(missing_ok=True)
            self._remove_segments()

    def check(self) -> None:
        """Raises what went wrong in the thread, if anything did."""
        if self._error is not None:
            raise self._error

    def _remove_segments(self) -> None:
        with errors_of(self.path):
            for segment in self._segments:
                segment.unlink(missing_ok=True)

    def _stop(self) -> None:
        if self._thread is not None:
            if not self._closed:
                self._jobs.put(None)
            self._thread.join()
        self._closed = True

    def _write_video(self) -> None:
        if self.frames and not (self._complete or self._published):
            last = self._timeline.typical_duration
            written = write_mp4(self.path, self._segments, self._kept, self._settings(), last)
            if written < self._kept:
                frames = f"{written} of {self._kept} frames"
                self._notify(f"{self.path} ends after {frames}: an MP4 cannot hold the next one")
        self._complete = True

    def _publish(self) -> None:
        if self.committed:
            return
        if self.frames and not self._published:
            publish(self.path)
        self._published = True
        self._remove_segments()
        self.committed = True

    def _commit_aside(self) -> None:
        try:
            self._write_video()
            self._publish()
        except Exception as error:
            self._fail(error)
        give_back_memory()  # an MP4's index is large and lived long

    @property
    def _color_space(self) -> int:
        """RGB (0) and reserved (3) say nothing about YUV, and x264 takes 0 at its word."""
        if self._bgr:
            return BT601
        return UNSPECIFIED if self.start.color_space in (0, 3) else self.start.color_space

    def _settings(self) -> VideoSettings:
        return VideoSettings(
            self._width,
            self._height,
            self._timeline.time_base,
            self.start.frame_rate,
            self._color_space,
            self.start.pixel_aspect,
            self._crf,
            self._encoder,
        )

    def _run(self) -> None:
        """The thread: draws, encodes and writes until it is told to stop."""
        packets: PacketWriter | None = None
        while (job := self._jobs.get()) is not None:
            if self._error is not None or self._discarded:
                continue  # the caller may be waiting for room in the queue
            pixels, pts, tracks, number = job
            try:
                if packets is None:
                    segment = segment_path(self.path, len(self._segments) + 1)
                    self._segments.append(segment)
                    packets = PacketWriter(segment, self.path, self._settings())
                frame = copy_frame(pixels, tracks.frame.pixel_format, self._color_space)
                del pixels, job  # whoever lent the pixels may unmap them
                self._painter.draw(canvas_of(frame), tracks, number)
                frame.pts = pts
                frame.time_base = self._timeline.time_base
                self._keep(packets.encode(frame))
            except Exception as error:
                self._fail(error)
        if packets is None:
            return
        try:
            if self._error is None and not self._discarded:
                self._keep(packets.finish())
        except Exception as error:
            self._fail(error)
        finally:
            packets.close()

    def _keep(self, frames: int) -> None:
        with self._progress:
            self._kept += frames
            self._progress.notify_all()
        self._on_kept()

    def _fail(self, error: Exception) -> None:
        with self._progress:
            self._error = error
            self._progress.notify_all()
        self._on_kept()


def segment_path(path: Path, number: int) -> Path:
    """Where the packets of the video ``path`` are kept; a new one begins after each crash."""
    return part_path(path.with_name(f"{path.name}.{number}"))


def _existing_segments(path: Path) -> Iterator[Path]:
    for number in itertools.count(1):
        segment = segment_path(path, number)
        if not segment.exists():
            return
        yield segment
