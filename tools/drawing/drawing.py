"""Draws stored tracks on the frames of a source, as the overlay of a run shows them."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import count, takewhile
from pathlib import Path

import numpy as np

from pipeline.config import RunConfig
from pipeline.sink_options import sink_options
from pipeline.workers.camera_estimates import CameraEstimates
from stages.atomic import part_path, sync_names, writing
from stages.decoder.locations import SourceSpec
from stages.decoder.source import HeapAllocator
from stages.errors import OutputError
from stages.folder_lock import FolderLock
from stages.records import EndOfStream, EndReason, Frame, FrameHeader, StreamStart
from stages.result_files import OVERLAY, number_of, numbered
from stages.sink.counting import Counting
from stages.sink.overlay_parts import OverlayParts
from stages.sink.slots import Slots
from stages.sink.times import time_of
from stages.wording import counted
from tools.drawing.sources import opened
from tools.results.stored_tracks import StoredTracks

_WAITING_FRAMES = 8  # decoded, but not encoded yet


class TrackDrawing:
    """A video of a source with tracks drawn on it.

    Args:
        spec: The source, a recorded one.
        tracks: The tracks to draw.
        config: How to read the source, and how to draw and encode.
        notify: Called with one line for the user, in any thread.

    Attributes:
        frames: Number of frames drawn.
        total: Number of frames of the source to draw; None if it does not state it.
        boxes: Number of boxes drawn, including those outside the frame.
        ids: Ids of the tracks drawn.
        breaks_off: Whether the source ended early.
        paths: The videos written: several if the source's frames change their size, or with
            ``sink.overlay_minutes``.
    """

    def __init__(
        self,
        spec: SourceSpec,
        tracks: StoredTracks,
        config: RunConfig,
        notify: Callable[[str], None],
    ) -> None:
        self.frames = 0
        self.total: int | None = None
        self.boxes = 0
        self.ids: set[int] = set()
        self.breaks_off = False
        self.paths: list[Path] = []
        self._spec = spec
        self._tracks = tracks
        self._config = config.decoder
        self._notify = notify
        self._options = sink_options(config, spec.name, live=False)
        self._counting = Counting(self._options)
        self._estimates = CameraEstimates(config.decoder, spec.name, notify)
        self._slots = Slots(_WAITING_FRAMES)
        self._start: StreamStart | None = None
        self._last: FrameHeader | None = None

    def write(
        self,
        output: Path,
        *,
        overwrite: bool = False,
        progress: Callable[[int, int | None], None] = lambda done, total: None,
        stopped: Callable[[], bool] = lambda: False,
    ) -> None:
        """Draws all frames; the video gets its name when it is complete.

        Args:
            output: Name of the video, ending in ``.mp4``; further ones are numbered.
            overwrite: Whether to replace existing files.
            progress: Called with the number of frames drawn and `total`.
            stopped: Polled before each frame; once it returns True, the video ends there.

        Raises:
            SourceError: The source cannot be opened, or yields no frame at all.
            OutputError: The video cannot be written.
        """
        with _part_folder(output) as folder:
            names = _Names(output, Path(self._spec.location), overwrite)
            overlays = OverlayParts(
                folder, self._options, self._slots.free, lambda: None, self._notify
            )
            try:
                self._draw(overlays, names, progress, stopped)
                overlays.commit()
            except BaseException:
                overlays.discard()
                raise
            videos = overlays.names
            moves = {
                folder / video: names.free(number_of(folder / video, OVERLAY)) for video in videos
            }
            with writing(output):
                for path, target in moves.items():
                    path.replace(target)
                sync_names(output.parent)
            self.paths += moves.values()
        if moves and (left := names.taken_after(number_of(folder / videos[-1], OVERLAY))):
            more = f" and {len(left) - 1} more" if len(left) > 1 else ""
            self._notify(f"{left[0]}{more}: not of this drawing, which ends with {self.paths[-1]}")

    def _draw(
        self,
        overlays: OverlayParts,
        names: _Names,
        progress: Callable[[int, int | None], None],
        stopped: Callable[[], bool],
    ) -> None:
        source = opened(self._spec, self._config, self._config.selection, self._notify)
        with contextlib.closing(source.records(HeapAllocator())) as records:
            for record in records:
                if isinstance(record, StreamStart):
                    self._begin(record)
                elif isinstance(record, Frame):
                    self._draw_frame(record, overlays)
                    names.free(overlays.number)  # if it is not, drawing on would be in vain
                    progress(self.frames, self.total)
                elif isinstance(record, EndOfStream):
                    self._end(record)
                if stopped():
                    return

    def _begin(self, start: StreamStart) -> None:
        before, last = self._start, self._last
        self._start = replace(start, class_names=self._tracks.class_names)
        size = start.width, start.height
        if before is None or last is None:
            self.total = start.frame_count
            made_for = self._tracks.frame_sizes
            if made_for and size not in made_for:
                listed = " and ".join(f"{width}x{height}" for width, height in made_for)
                self._notify(
                    f"the tracks are of frames of {listed}, but those of {start.source} are "
                    f"{size[0]}x{size[1]}"
                )
        elif (before.width, before.height) == size:
            return
        else:
            self._notify(
                f"after frame {last.number}, frames are {size[0]}x{size[1]} instead of "
                f"{before.width}x{before.height}; a new video begins"
            )
        for fault in self._counting.faults(start.height, start.width):
            self._notify(fault)

    def _draw_frame(self, frame: Frame, overlays: OverlayParts) -> None:
        assert self._start is not None
        header, motion = self._estimates.of(frame)
        self._last = header
        tracks = self._tracks.of(header, motion)
        self._counting.update(tracks, header.number, time_of(header, live=False))
        self._slots.wait(overlays)
        overlays.write(
            self._start, tracks, frame.required_pixels(), header.number, self._counting.readings
        )
        self.frames += 1
        drawn = ~(tracks.scores < self._options.overlay_min_score)  # NaN: no score is stated
        self.boxes += int(drawn.sum())
        self.ids.update(tracks.ids[drawn].tolist())

    def _end(self, end: EndOfStream) -> None:
        self.breaks_off = end.reason is EndReason.TRUNCATED
        if end.message:
            self._notify(end.message)
        if self._last is not None and not self.breaks_off:
            self._report_later_tracks(self._last)

    def _report_later_tracks(self, last: FrameHeader) -> None:
        """Reports tracks of frames after the source's last one."""
        assert self._start is not None
        selection = self._config.selection
        later = self._tracks.frames[self._tracks.frames >= last.index + selection.every]
        if selection.last is not None:
            later = later[later < selection.last]
        if len(later):
            frames = counted(len(np.unique(later)), "frame")
            self._notify(
                f"the tracks have boxes in {frames} after frame {last.number}, the last of "
                f"{self._start.source}; the last of these is {later.max() + 1}. Are they tracks "
                f"of another video?"
            )


class _Names:
    """The names of the videos."""

    def __init__(self, output: Path, source: Path, overwrite: bool) -> None:
        self._output = output
        self._source = source.resolve()
        self._overwrite = overwrite

    def free(self, number: int) -> Path:
        """Returns the name of a video; refuses that of an existing file that is to be kept."""
        name = self._name(number)
        if name.resolve() == self._source:
            raise OutputError(f"{name} is the source; choose another place")
        if name.exists() and not self._overwrite:
            raise OutputError(f"{name} exists; choose another place, or add --overwrite")
        return name

    def taken_after(self, number: int) -> list[Path]:
        """Returns the names that existing files have, up to the first free one."""
        return [*takewhile(Path.exists, map(self._name, count(number + 1)))]

    def _name(self, number: int) -> Path:
        return self._output.with_name(numbered(self._output.name, number))


@contextlib.contextmanager
def _part_folder(output: Path) -> Iterator[Path]:
    """Yields a hidden, empty folder beside ``output``, for this process alone; then removes it."""
    folder = part_path(output)
    lock = FolderLock(folder)
    try:
        with writing(output):
            for left in folder.iterdir():  # by a process that was killed
                left.unlink()
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        lock.release()
