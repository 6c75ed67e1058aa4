"""The text results of a stream: tracks, detections, times, measurements, KITTI, views."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from stages.atomic import (
    AtomicFile,
    final_path,
    give_final_name,
    part_path,
    remove_file,
    sync,
    writing,
)
from stages.background import in_background
from stages.errors import OutputError
from stages.measurements import Crossings, GroundPlaces, Measured, ZoneEvents
from stages.records import Tracks
from stages.result_files import (
    COUNTS,
    CROSSINGS,
    DETECTIONS,
    GROUND,
    KITTI,
    TEXTS,
    TIMES,
    TRACKS,
    VIEWS,
    ZONES,
    number_of,
    numbered,
)
from stages.sink.crossings import crossing_rows
from stages.sink.detrac import detection_rows
from stages.sink.folder_contents import sync_leftovers
from stages.sink.ground import ground_rows
from stages.sink.kitti import kitti_rows
from stages.sink.mot import mot_rows
from stages.sink.options import SinkOptions
from stages.sink.retention import Retention
from stages.sink.timeline import Timeline, TimelineState
from stages.sink.zones import zone_rows
from stages.views import view_row

_TIME_BASE = Fraction(1, 1000)


@dataclass(frozen=True, slots=True)
class TextExtent:
    """The extent of the files of one number: their frames, and the size of each in bytes."""

    frames: int
    sizes: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class TextState:
    """The state of `TextResults`.

    Attributes:
        number: Number of the latest files, from 1.
        removed: How many numbers, the oldest, were removed because of the limit.
        unnamed: Extents of the numbers right before the latest that may lack final names.
        latest: Extent of the latest files.
        timeline: Timeline of the latest files.
    """

    number: int
    removed: int
    unnamed: tuple[TextExtent, ...]
    latest: TextExtent
    timeline: TimelineState

    @property
    def numbered_unnamed(self) -> Iterator[tuple[int, TextExtent]]:
        """The elements of ``unnamed``, each with its number."""
        return enumerate(self.unnamed, self.number - len(self.unnamed))


class TextResults:
    """``mot.txt``, ``detections.txt``, ``times.txt``, and files of measurements.

    The latter are ``crossings.txt``, ``zones.txt`` and ``ground.txt``, if lines, zones or ground
    points are given; ``kitti.txt`` and ``views.txt`` are optional. All are written as part files,
    side by side. After ``options.text_minutes`` of the stream, not counting outages, ``mot-2.txt``,
    ``detections-2.txt`` and so on begin, and `name_earlier` gives the previous files their final
    names. Files with final names may be moved away: no later process needs them. Beyond
    ``options.text_gigabytes``, the oldest files with final names are removed, all of a number
    together, but neither the latest nor any of `COUNTS`.

    Args:
        folder: Folder of the files; created if missing.
        options: Which files to write, how long they are, and how much to keep.
        resume: State of an earlier process's files; later rows are dropped.
        notify: Called with one line for the user.

    Raises:
        OutputError: From every method that writes, when the file system refuses.
    """

    def __init__(
        self,
        folder: Path,
        options: SinkOptions,
        resume: TextState | None = None,
        notify: Callable[[str], None] = lambda message: None,
    ) -> None:
        self._folder = folder
        self._kinds = text_names(options)
        self._seconds = 60 * options.text_minutes
        self._retention = Retention(
            options.text_gigabytes,
            f"text results in {folder} (sink.text_gigabytes)",
            notify,
        )
        self._number = resume.number if resume else 1
        self._removed = resume.removed if resume else 0  # how many numbers, the oldest
        self._frames = resume.latest.frames if resume else 0
        self._timeline = Timeline(_TIME_BASE, Fraction(0), resume.timeline if resume else None)
        self._unnamed: list[_Ended] = []
        self._naming: Future[int] | None = None
        if resume is not None:
            self._reopen(resume)
        self._latest = self._open(resume.latest.sizes if resume else None)

    @property
    def tracks(self) -> AtomicFile:
        """The latest file with tracks."""
        return self._latest[0]

    @property
    def detections(self) -> AtomicFile:
        """The latest file with detections."""
        return self._latest[1]

    @property
    def files(self) -> tuple[AtomicFile, ...]:
        """The files that may lack final names: the latest, and some before them."""
        return *(file for ended in self._unnamed for file in ended.files), *self._latest

    @property
    def names(self) -> tuple[str, ...]:
        """Names of `files`, and of the earlier ones that exist."""
        earlier = [path.name for paths in self._named() for path in paths if path.exists()]
        return (*earlier, *(file.path.name for file in self.files))

    def state(self) -> TextState:
        """Returns the state from which a later process continues."""
        return TextState(
            self._number,
            self._removed,
            tuple(ended.extent for ended in self._unnamed),
            self._extent,
            self._timeline.state,
        )

    @property
    def _extent(self) -> TextExtent:
        return TextExtent(self._frames, tuple(file.size for file in self._latest))

    def write(
        self,
        tracks: Tracks,
        number: int,
        time: str,
        measured: Sequence[Measured],
        class_names: Sequence[str],
    ) -> None:
        """Adds the rows of a frame and hands them to the operating system.

        Args:
            tracks: The frame's tracks and detections.
            number: Its 1-based number.
            time: Its time, see `time_of`.
            measured: Its measurements at lines, in zones and on the ground.
            class_names: Names of the classes; if there are several, rows include the class.
        """
        if self._seconds and self._timeline.seconds >= self._seconds:
            self._begin_next()
        self._timeline.place(tracks.frame)
        several = len(class_names) > 1
        rows = {
            TRACKS: mot_rows(tracks, number, with_classes=several),
            DETECTIONS: detection_rows(tracks.detections, number, with_classes=several),
            TIMES: f"{number},{time}\n",
            VIEWS: view_row(tracks.frame.view, number),
        }
        if KITTI in self._kinds:
            rows[KITTI] = kitti_rows(tracks, number, class_names)
        for each in measured:
            match each:
                case Crossings():
                    rows[CROSSINGS] = crossing_rows(each.crossings, class_names)
                case ZoneEvents():
                    rows[ZONES] = zone_rows(each.events, class_names)
                case GroundPlaces():
                    rows[GROUND] = ground_rows(each)
        for name, file in zip(self._kinds, self._latest, strict=True):
            if text := rows.get(name):
                file.write(text)
                file.flush()
        self._frames += 1

    def name_earlier(self) -> None:
        """Starts a thread that gives the files before the latest their final names.

        Call it when `state` is saved, or at any time if a later process starts from the beginning.
        """
        if self._naming is not None and self._naming.done():
            self._wait_for_names()
        if self._unnamed and self._naming is None:
            ended = [each.files for each in self._unnamed]
            self._naming = in_background(lambda: self._commit(ended))

    def remove_later(self) -> None:
        """Removes the files that an earlier process wrote for frames that come again."""
        for path in {final_path(path) for path in self._folder.iterdir()}:
            number = max(number_of(path, name) for name in TEXTS)
            if number >= self._number:
                remove_file(path)
            if number > self._number:
                remove_file(part_path(path))

    def complete(self) -> None:
        """Waits until `files` are on the disk; they do not get their final names yet."""
        self._wait_for_names()
        for file in self.files:
            file.complete()

    def close(self) -> None:
        """Closes the files without renaming them, after waiting for a thread of `name_earlier`.

        Other files before the latest do not get final names: a later process may need them.
        """
        with contextlib.suppress(OutputError, OSError):
            self._wait_for_names()
        for file in self.files:
            file.close()

    def discard(self) -> None:
        """Removes the latest files; those before them keep or get their final names."""
        with contextlib.suppress(OutputError, OSError):
            while self._unnamed:
                self.name_earlier()
                self._wait_for_names()
        self.close()
        for file in self._latest:
            file.discard()

    def _named(self, first: int = 1) -> list[tuple[Path, ...]]:
        numbers = range(first, self._number - len(self._unnamed))
        return [self._paths(number) for number in numbers]

    def _paths(self, number: int) -> tuple[Path, ...]:
        return tuple(self._folder / numbered(name, number) for name in self._kinds)

    def _open(self, sizes: Sequence[int] | None = None) -> tuple[AtomicFile, ...]:
        files: list[AtomicFile] = []
        paths = self._paths(self._number)
        try:
            for path, size in zip(paths, sizes or [0] * len(paths), strict=True):
                files.append(AtomicFile(path, size))
        except OutputError:
            for file in files:
                if sizes is None:
                    file.discard()
                else:
                    file.close()  # an earlier process's rows
            raise
        return tuple(files)

    def _begin_next(self) -> None:
        self._unnamed.append(_Ended(self._latest, self._extent))
        self._number += 1
        self._frames = 0
        self._timeline = Timeline(_TIME_BASE, Fraction(0))
        self._latest = self._open()

    def _commit(self, ended: Sequence[tuple[AtomicFile, ...]]) -> int:
        """Gives the files of several numbers their final names; returns how many numbers.

        All are complete on the disk before that: after a power failure, no file with its final name
        has rows for frames that another lacks.
        """
        for file in (file for files in ended for file in files):
            file.complete()
        sync_leftovers(self._folder)
        for file in (file for files in ended for file in files):
            file.commit()
        return len(ended)

    def _wait_for_names(self) -> None:
        """Waits for the naming thread, if there is one, and raises its error."""
        if self._naming is not None:
            named = self._naming.result()
            del self._unnamed[:named]
            self._naming = None
            limited = [
                [path for name, path in zip(self._kinds, paths, strict=True) if name not in COUNTS]
                for paths in self._named(self._removed + 1)
            ]
            self._removed += self._retention.apply(limited)

    def _reopen(self, resume: TextState) -> None:
        """Restores an earlier process's files to its state, which is slightly older than they are.

        Earlier files may lack final names. The latest may already have theirs if the process was
        about to end.
        """
        for path in self._paths(resume.number):
            with writing(path):
                if path.exists() and not part_path(path).exists():
                    path.replace(part_path(path))
        for number, extent in resume.numbered_unnamed:
            paths = self._paths(number)
            unnamed = [path for path in paths if part_path(path).exists()]
            for path, size in zip(paths, extent.sizes, strict=True):
                if path in unnamed:
                    with writing(path):
                        os.truncate(part_path(path), size)  # the last rows may be damaged
                        sync(part_path(path))
            sync_leftovers(self._folder)
            for path in unnamed:
                give_final_name(path)


@dataclass(frozen=True, slots=True, eq=False)
class _Ended:
    """Files of one number before the latest that may lack final names."""

    files: tuple[AtomicFile, ...]
    extent: TextExtent


def text_names(options: SinkOptions) -> tuple[str, ...]:
    """Returns the names of the text results that ``options`` request."""
    wanted = {
        CROSSINGS: options.lines,
        ZONES: options.zones,
        GROUND: options.ground,
        KITTI: options.kitti,
        VIEWS: options.views,
    }
    return tuple(name for name in TEXTS if wanted.get(name, True))
