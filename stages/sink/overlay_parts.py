"""The overlay of a stream, in one video or several."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from stages.atomic import part_path, remove_file
from stages.records import FrameHeader, StreamStart, Tracks, UInt8Array
from stages.result_files import OVERLAY, number_of, numbered
from stages.sink.counting import NO_READINGS, Readings
from stages.sink.earlier_picture import EarlierPicture
from stages.sink.encoding import EncodedPicture, frames_in
from stages.sink.folder_contents import last_overlay
from stages.sink.options import SinkOptions
from stages.sink.overlay import OverlayState, OverlayWriter
from stages.sink.packet_files import PacketFiles
from stages.sink.retention import Retention


@dataclass(frozen=True, slots=True)
class OverlayPartsState:
    """The state of `OverlayParts`, see its attributes."""

    finished: int
    removed: int
    unfinished: list[OverlayState]
    left_out: int


class OverlayParts:
    """Successive videos: a new one begins when the frames' size or format changes, or one is full.

    A video is also full after ``options.overlay_minutes``. A thread then finishes it; the last one
    is finished when the stream ends. Beyond ``options.overlay_gigabytes``, the oldest finished
    videos are removed, but never the latest.

    Args:
        folder: Folder of the videos.
        options: How to draw and encode them.
        on_kept: Called, from another thread, whenever `kept` has grown.
        before_long_work: Called before an unfinished video is read.
        notify: Called, from any thread, with one line for the user.
        on_picture: Called, from other threads, with the number of a video and each of its encoded
            pictures.

    Attributes:
        finished: Number of videos that are known to be finished.
        removed: Number of finished videos, the oldest, that were removed because of the limit.
        unfinished: Writers of the unfinished videos; frames go into the last one.
        left_out: Number of the stream's frames that are not in any video.
    """

    def __init__(
        self,
        folder: Path,
        options: SinkOptions,
        on_kept: Callable[[], None],
        before_long_work: Callable[[], None],
        notify: Callable[[str], None] = lambda message: None,
        on_picture: Callable[[int, EncodedPicture], None] | None = None,
    ) -> None:
        self.finished = 0
        self.removed = 0
        self.unfinished: list[OverlayWriter] = []
        self.left_out = 0
        self._folder = folder
        self._options = options
        self._on_kept = on_kept
        self._before_long_work = before_long_work
        self._notify = notify
        self._on_picture = on_picture
        what = f"overlays in {folder} (sink.overlay_gigabytes)"
        self._retention = Retention(options.overlay_gigabytes, what, notify)
        self._finished_frames = 0

    @property
    def number(self) -> int:
        """Number of the latest video, 0 before the first."""
        return self.finished + len(self.unfinished)

    @property
    def frames(self) -> int:
        """Number of frames written and not withdrawn."""
        return self._finished_frames + sum(writer.frames for writer in self.unfinished)

    @property
    def kept(self) -> int:
        """Number of frames, counted from the first, that have reached the operating system.

        A video may have kept frames while the previous one still draws its last ones.

        Raises:
            OutputError: A frame cannot be written.
        """
        for writer in self.unfinished:
            writer.check()
        kept = self._finished_frames
        for writer in self.unfinished:
            of_this = writer.kept
            kept += of_this
            if of_this < writer.frames:
                break
        return kept

    def write(
        self,
        start: StreamStart,
        tracks: Tracks,
        pixels: UInt8Array,
        number: int,
        readings: Readings = NO_READINGS,
    ) -> None:
        """Adds a frame of the epoch that began with ``start``, see `OverlayWriter.write`."""
        self._writer(start, tracks.frame).write(tracks, pixels, number, readings)

    def repeat(self, start: StreamStart, tracks: Tracks, picture: EarlierPicture) -> bool:
        """Repeats a frame that was written before a crash, see `OverlayWriter.repeat`."""
        return self._writer(start, tracks.frame).repeat(tracks, picture)

    def remove_later(self) -> None:
        """Removes videos after the latest, whose frames all come again; before the first `write`.

        An earlier process may have kept frames in them, since videos are written concurrently.
        """
        for number in range(last_overlay(self._folder), self.number, -1):
            path = self._path(number)
            for file in (path, part_path(path)):
                remove_file(file)
            PacketFiles(path).remove()

    @property
    def names(self) -> tuple[str, ...]:
        """Names of all existing videos, finished or not, in the order of their frames."""
        finished = [path.name for path in self._finished_paths if path.exists()]
        written = [each for each in self.unfinished if each.frames and not each.was_removed]
        return (*finished, *(each.path.name for each in written))

    def withdraw(self) -> None:
        """Leaves out the frames that are not drawn yet, see `OverlayWriter.withdraw`."""
        self.left_out += sum(writer.withdraw() for writer in self.unfinished)

    def wait_until_kept(self, seconds: float) -> bool:
        """Waits up to ``seconds`` per video until its frames are kept; returns whether all are."""
        return all(writer.wait_until_kept(seconds) for writer in self.unfinished)

    def state(self) -> OverlayPartsState:
        """Returns the state for `restore`, once all frames are kept."""
        self._count_finished()
        unfinished = [writer.state() for writer in self.unfinished]
        return OverlayPartsState(self.finished, self.removed, unfinished, self.left_out)

    def restore(self, state: OverlayPartsState) -> None:
        """Continues from ``state``."""
        self.finished, self.removed = state.finished, state.removed
        self.left_out = state.left_out
        for part in state.unfinished:
            if self.unfinished:
                self.unfinished[-1].commit_later()
            self.left_out += part.frames - self._add(part.start, part).frames

    def give_up(self, state: OverlayPartsState) -> None:
        """Like `restore`, but leaves out the frames that are not in a finished video."""
        self.finished, self.removed = state.finished, state.removed
        self.left_out = state.left_out + sum(part.frames for part in state.unfinished)

    def find_finished(self) -> None:
        """Finds videos finished by an earlier process, whose frames were counted as left out."""
        known = self.finished
        self.finished = max(
            (number_of(path, OVERLAY) for path in self._folder.iterdir()), default=0
        )
        self.left_out -= sum(frames_in(self._path(n)) for n in range(known + 1, self.finished + 1))

    def close(self) -> None:
        """Waits until all videos are complete and on the disk, see `OverlayWriter.close`."""
        for writer in self.unfinished:
            writer.close()

    def commit(self) -> None:
        """Gives all videos their final names."""
        for writer in self.unfinished:
            writer.commit()

    def discard(self, *, given_up: bool = False) -> None:
        """Removes the videos without final names, see `OverlayWriter.discard`."""
        for writer in self.unfinished:
            writer.discard(given_up=given_up)

    def _writer(self, start: StreamStart, frame: FrameHeader) -> OverlayWriter:
        limit = 60 * self._options.overlay_minutes
        if self.unfinished:
            latest = self.unfinished[-1]
            if latest.accepts(start, frame) and not (limit and latest.seconds >= limit):
                return latest
            latest.commit_later()
            self._count_finished()
        return self._add(replace(start, height=frame.height, width=frame.width))

    def _count_finished(self) -> None:
        """Counts committed videos as `finished`, in order: names of resumed videos depend on it."""
        while self.unfinished and self.unfinished[0].committed:
            self._finished_frames += self.unfinished.pop(0).frames
            self.finished += 1
            self.removed += self._retention.apply([(path,) for path in self._finished_paths])

    @property
    def _finished_paths(self) -> list[Path]:
        return [self._path(number) for number in range(self.removed + 1, self.finished + 1)]

    def _path(self, number: int) -> Path:
        return self._folder / numbered(OVERLAY, number)

    def _add(self, start: StreamStart, resume: OverlayState | None = None) -> OverlayWriter:
        self._before_long_work()
        number, on_picture = self.number + 1, self._on_picture
        writer = OverlayWriter(
            self._path(number),
            start,
            self._options,
            resume=resume,
            on_kept=self._on_kept,
            notify=self._notify,
            on_picture=None if on_picture is None else partial(on_picture, number),
        )
        self.unfinished.append(writer)
        return writer
