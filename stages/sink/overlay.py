"""The annotated video: H.264 in MP4, playable in a browser."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from stages.atomic import make_folder, part_path, publish
from stages.color_spaces import BT601, UNSPECIFIED
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
from stages.sink.overlay_thread import OverlayThread, Picture
from stages.sink.painter import OverlayPainter
from stages.sink.pictures import even
from stages.sink.timeline import Timeline, TimelineState


@dataclass(frozen=True, slots=True)
class OverlayState:
    """How far a video has come, for a writer that goes on after the process was killed."""

    start: StreamStart
    frames: int
    bgr: bool
    timeline: TimelineState


class OverlayWriter:
    """Draws tracks on frames and encodes them, in a thread of its own.

    `write` hands the frame over and returns, whether the disk takes what was written or not. A
    frame's pixels must stay as they are until `kept` says that it is on the disk: how many frames
    wait is bounded by whoever lends them. An error in the thread is raised by the next call. The
    video keeps the source's presentation times and time base, counted from its first frame, so
    variable frame rates stay as they are. The last frame is shown for the typical duration of one.
    Frames of odd size get one more column or row, a copy of their last.

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
        self.committed = False
        self._bgr = resume.bgr if resume else False
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
        kept = count_packets(self._segments)
        self._thread = OverlayThread(self._begin_segment, self._painter, kept, on_kept)
        self.frames = 0
        if resume is not None:
            self.frames = resume.frames if self._published else min(resume.frames, kept)
        make_folder(path.parent)
        self._closed = False
        self._complete = False

    @property
    def kept(self) -> int:
        """How many frames are with the operating system, and survive the process."""
        return self.frames if self._published else self._thread.kept

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
        frame = tracks.frame
        if not self.accepts(frame) or pixels.shape != frame.shape:
            raise ValueError(
                f"frame {frame.number} of {frame.width}x{frame.height} with pixels {pixels.shape} "
                f"in a video of {self.start.width}x{self.start.height}"
            )
        if self._closed:
            raise ValueError(f"{self.path} is closed")
        if not self.frames:
            self._bgr = frame.pixel_format is PixelFormat.BGR24
        number = frame.number if number is None else number
        pts, time_base = self._timeline.place(frame), self._timeline.time_base
        self._thread.put(Picture(pixels, tracks, number, pts, time_base, self._color_space))
        self.frames += 1

    def repeat(self, tracks: Tracks) -> bool:
        """Books a frame that an earlier writer was given, before the first `write`.

        Returns False, having done nothing, where that writer did not keep it.
        """
        self._published = self._published or self.path.exists()
        if not self._published and self.frames >= self._thread.kept:
            return False
        frame = tracks.frame
        self._bgr = frame.pixel_format is PixelFormat.BGR24
        self._timeline.place(frame)
        self._painter.follow(tracks)
        self.frames += 1
        return True

    def withdraw(self) -> int:
        """Takes back the frames that are not drawn yet; their pixels are read no more.

        At most one that is drawn may then still be on its way to the disk. Returns how many were
        taken back.
        """
        withdrawn = self._thread.withdraw()
        self.frames -= withdrawn
        return withdrawn

    def wait_until_kept(self, seconds: float) -> bool:
        """Waits at most so long until all frames are kept; whether they are."""
        return self._published or self._thread.wait_until_kept(self.frames, seconds)

    def state(self) -> OverlayState:
        """What a later writer needs to go on after these frames, once they are kept."""
        self.check()
        return OverlayState(self.start, self.frames, self._bgr, self._timeline.state())

    def close(self) -> None:
        """Waits until the video is complete and on the disk; the name does not change yet.

        Raises:
            OutputError: A frame, or the video, cannot be written.
        """
        self._closed = True
        self._thread.close()
        self._thread.join()
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
        """Has the thread `commit` when all frames are kept.

        What goes wrong there is raised by the next call.
        """
        self._closed = True
        self._thread.close(self._commit_aside)

    def discard(self) -> None:
        """Stops and removes what was written."""
        self._closed = True
        self._thread.discard()
        with contextlib.suppress(OSError):
            part_path(self.path).unlink(missing_ok=True)
            self._remove_segments()

    def check(self) -> None:
        """Raises what went wrong in the thread, if anything did."""
        self._thread.check()

    def _remove_segments(self) -> None:
        with errors_of(self.path):
            for segment in self._segments:
                segment.unlink(missing_ok=True)

    def _begin_segment(self) -> PacketWriter:
        self._segments.append(segment_path(self.path, len(self._segments) + 1))
        return PacketWriter(self._segments[-1], self.path, self._settings())

    def _write_video(self) -> None:
        if self.frames and not (self._complete or self._published):
            last, kept = self._timeline.typical_duration, self._thread.kept
            written = write_mp4(self.path, self._segments, kept, self._settings(), last)
            if written < kept:
                frames = f"{written} of {kept} frames"
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
        self._write_video()
        self._publish()
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


def segment_path(path: Path, number: int) -> Path:
    """Where the packets of the video ``path`` are kept; a new one begins after each crash."""
    return part_path(path.with_name(f"{path.name}.{number}"))


def _existing_segments(path: Path) -> Iterator[Path]:
    for number in itertools.count(1):
        segment = segment_path(path, number)
        if not segment.exists():
            return
        yield segment
