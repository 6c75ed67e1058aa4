"""The annotated video: H.264 in MP4, playable in a browser."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable
from dataclasses import dataclass
from math import inf
from pathlib import Path

from stages.allocator import give_back_freed_memory
from stages.atomic import give_final_name, make_folder, part_path
from stages.color_spaces import color_space_of
from stages.records import FrameHeader, PixelFormat, StreamStart, Tracks, UInt8Array
from stages.sink.counting import NO_READINGS, Readings
from stages.sink.earlier_picture import EarlierPicture
from stages.sink.encoders import choose_encoder
from stages.sink.encoding import (
    MAX_FRAMES,
    EncodedPicture,
    PacketWriter,
    VideoSettings,
    count_packets,
    encoder_of,
    frames_in,
    write_mp4,
)
from stages.sink.options import SinkOptions
from stages.sink.overlay_thread import OverlayThread, Picture
from stages.sink.packet_files import PacketFiles
from stages.sink.painter import OverlayPainter
from stages.sink.timeline import Timeline, TimelineState
from stages.sink.times import utc_time


@dataclass(frozen=True, slots=True)
class OverlayState:
    """The state of a video, from which a new writer continues after the process was killed."""

    start: StreamStart
    frames: int
    pixel_format: PixelFormat
    captured_ns: int  # of the first frame
    timeline: TimelineState


class OverlayWriter:
    """Draws tracks on frames and encodes them, in a thread of its own.

    `write` queues the frame and returns, even while the disk is stuck; the first call also creates
    a file. A frame's pixels must not change until `kept` includes it, so the owner of the pixels
    limits how many frames wait. An error in the thread is raised by the next call.

    The video keeps the source's presentation times and time base, counted from its first frame, so
    variable frame rates are preserved. The last frame is shown for the typical frame duration.
    Frames of odd size are padded by repeating their last column or row.

    Kept frames survive the process: a writer for the same path continues from the `state` of the
    earlier one, or after `repeat` was called with the same frames. `PacketFiles` shows how far the
    earlier one had come. No file has its final name before `commit`; without frames there is none.

    Args:
        path: Final name, ending in ``.mp4``.
        start: The stream: frame size, rate, time base, colour space and class names.
        options: How to draw and encode.
        resume: State of an earlier writer.
        on_kept: Called in the thread whenever `kept` has grown.
        notify: Called with one line, in any thread, if the video ends before its last frame.
        on_picture: Called in the thread with each encoded picture.

    Attributes:
        path: See above.
        start: See above.
        frames: Number of frames written and not withdrawn.
        committed: Whether the video has its final name and its part files are gone.
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
        on_picture: Callable[[EncodedPicture], None] | None = None,
    ) -> None:
        self.path = path
        self.start = start
        self.committed = False
        self._pixel_format = resume.pixel_format if resume else PixelFormat.YUV420P
        self._captured_ns = resume.captured_ns if resume else 0
        self._notify = notify
        self._on_picture = on_picture
        self._options = options
        self._painter = OverlayPainter(
            start.height, start.width, start.class_names, options, live=start.live
        )
        timeline = resume.timeline if resume else None
        self._timeline = Timeline(start.time_base, start.frame_rate, timeline)
        self._packets = PacketFiles(path)
        self._encoder = encoder_of(self._packets.paths) or choose_encoder(
            options.overlay_hardware, self._painter.width, self._painter.height
        )
        # The state has frames, but there are no segments: the video was committed after the state
        # was saved, and may have been moved away since.
        lacks_segments = resume is not None and resume.frames > 0 and not self._packets.paths
        self._is_finished = lacks_segments or (resume is not None and path.exists())
        kept = count_packets(self._packets.paths)
        self._thread = OverlayThread(self._open_segment, self._painter, kept, on_kept)
        self.frames = 0
        if resume is not None:
            self.frames = int(min(resume.frames, self._stored if self._is_finished else kept))
        make_folder(path.parent)
        self._closed = False
        self._complete = False
        self._has_segment = False  # begun by this writer

    @property
    def kept(self) -> int:
        """Number of frames that have reached the operating system and survive the process."""
        return self.frames if self._is_finished else self._thread.kept

    @property
    def seconds(self) -> float:
        """Length of the video so far."""
        return self._timeline.seconds

    def accepts(self, start: StreamStart, frame: FrameHeader) -> bool:
        """Returns whether the video has room for a frame, and the same size and format.

        ``start`` is the latest `StreamStart` of the frame's stream.
        """
        if self.frames >= MAX_FRAMES:
            return False
        is_alike = not self.frames or frame.pixel_format is self._pixel_format
        return is_alike and start.pixel_aspect == self.start.pixel_aspect and self._has_size(frame)

    def _has_size(self, frame: FrameHeader) -> bool:
        return (frame.height, frame.width) == (self.start.height, self.start.width)

    def write(
        self,
        tracks: Tracks,
        pixels: UInt8Array,
        number: int,
        readings: Readings = NO_READINGS,
    ) -> None:
        """Adds a frame.

        Args:
            tracks: The tracks to draw, with the frame's header.
            pixels: The frame in the layout of its header; read until the frame is kept.
            number: 1-based frame number to show.
            readings: What to show besides the tracks.

        Raises:
            OutputError: This or an earlier frame cannot be written.
            ValueError: The frame does not have the video's size, or the video is closed.
        """
        frame = tracks.frame
        if not self._has_size(frame) or pixels.shape != frame.shape:
            raise ValueError(
                f"frame {frame.number} of {frame.width}x{frame.height} with pixels {pixels.shape} "
                f"in a video of {self.start.width}x{self.start.height}"
            )
        if self._closed:
            raise ValueError(f"{self.path} is closed")
        if not self.frames:
            self._pixel_format, self._captured_ns = frame.pixel_format, frame.captured_ns
        if not self._has_segment:
            # Not in the thread: the next video's thread might create its file first.
            self._packets.begin_next()
            self._has_segment = True
        pts, time_base = self._timeline.place(frame), self._timeline.time_base
        space = self._color_space
        self._thread.put(Picture(pixels, tracks, number, pts, time_base, space, readings))
        self.frames += 1

    @property
    def was_removed(self) -> bool:
        """Whether the video was finished and has been moved away or deleted."""
        return self._is_finished and not self.path.exists()

    def repeat(self, tracks: Tracks, picture: EarlierPicture) -> bool:
        """Repeats a frame that an earlier writer was given; only before the first `write`.

        Args:
            tracks: As in `write`.
            picture: What happened to its picture; there must have been one.

        Returns:
            False if the picture was not kept, or was discarded. Unless it comes again, its time
            still passes, so that later videos begin where they did before.
        """
        segments_are_gone = picture is EarlierPicture.KEPT and not self._packets.paths
        self._is_finished = self._is_finished or segments_are_gone or self.path.exists()
        comes_again = picture is EarlierPicture.COMES_AGAIN
        kept: float = self._thread.kept
        if self._is_finished:
            kept = inf if comes_again else self._stored
        if self.frames >= kept:
            if not comes_again:
                self._timeline.place(tracks.frame)
            return False
        frame = tracks.frame
        if not self.frames:
            self._pixel_format, self._captured_ns = frame.pixel_format, frame.captured_ns
        self._timeline.place(frame)
        self._painter.follow(tracks)
        self.frames += 1
        return True

    @functools.cached_property
    def _stored(self) -> float:
        """Number of frames in the finished video; infinite if it was moved away.

        A process that finished the video, but not the text results, may have left out the last
        pictures.
        """
        return frames_in(self.path) if self.path.exists() else inf

    def withdraw(self) -> int:
        """Withdraws the frames that are not drawn yet; their pixels are no longer read.

        At most one drawn frame may then still be on its way to the disk.

        Returns:
            Number of frames withdrawn.
        """
        withdrawn = self._thread.withdraw()
        self.frames -= withdrawn
        return withdrawn

    def wait_until_kept(self, seconds: float) -> bool:
        """Waits up to ``seconds`` until all frames are kept; returns whether they are."""
        return self._is_finished or self._thread.wait_until_kept(self.frames, seconds)

    def state(self) -> OverlayState:
        """Returns the state from which a later writer continues, once all frames are kept."""
        self.check()
        return OverlayState(
            self.start, self.frames, self._pixel_format, self._captured_ns, self._timeline.state
        )

    def close(self) -> None:
        """Waits until the video is complete and on the disk; it does not get its final name yet.

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
        self._commit()

    def commit_later(self) -> None:
        """Makes the thread `commit` once all frames are kept; the next call raises its errors."""
        self._closed = True
        self._thread.close(self._commit_aside)

    def discard(self, *, given_up: bool = False) -> None:
        """Stops, and removes everything that was written.

        Args:
            given_up: Leave an empty segment, which shows a later writer that no frame was kept.
        """
        self._closed = True
        self._thread.discard()
        with contextlib.suppress(OSError):
            part_path(self.path).unlink()
        self._packets.discard(given_up=given_up and not self._is_finished)

    def check(self) -> None:
        """Raises the error that ended the thread, if any."""
        self._thread.check()

    def _open_segment(self) -> PacketWriter:
        return PacketWriter(
            self._packets.paths[-1],
            self.path,
            self._settings(),
            continues=self._thread.kept > 0,
            on_picture=self._on_picture,
        )

    def _write_video(self) -> None:
        if self.frames and not (self._complete or self._is_finished):
            last, kept = self._timeline.typical_duration, self._thread.kept
            created = utc_time(self._captured_ns) if self.start.live else ""
            written = write_mp4(
                self.path, self._packets.paths, kept, self._settings(), last, created
            )
            if written < kept:
                frames = f"{written} of {kept} frames"
                self._notify(f"{self.path} ends after {frames}: the next does not fit into an MP4")
        self._complete = True

    def _commit(self) -> None:
        if self.frames and not self._is_finished:
            give_final_name(self.path)
        self._is_finished = True
        if self.frames:  # otherwise they show a successor that there is no video
            self._packets.remove()
        self.committed = True

    def _commit_aside(self) -> None:
        self._write_video()
        self._commit()
        give_back_freed_memory()  # an MP4's index is large and long-lived

    @property
    def _color_space(self) -> int:
        return color_space_of(self._pixel_format, self.start.color_space)

    def _settings(self) -> VideoSettings:
        return VideoSettings(
            self._painter.width,
            self._painter.height,
            self._timeline.time_base,
            self.start.frame_rate,
            self._color_space,
            self.start.pixel_aspect,
            self._options.overlay_crf,
            self._options.overlay_preset,
            self._encoder,
            self._options.overlay_keyframe_seconds,
        )
