"""The text results of a stream: tracks and detections."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from stages.atomic import AtomicFile, give_final_name, output_error, part_path, sync
from stages.background import in_background
from stages.errors import OutputError
from stages.records import Tracks
from stages.result_files import DETECTIONS, TRACKS, numbered
from stages.sink.detrac import detection_rows
from stages.sink.mot import mot_rows
from stages.sink.options import SinkOptions
from stages.sink.retention import Retention
from stages.sink.timeline import Timeline, TimelineState

_TIME_BASE = Fraction(1, 1000)


@dataclass(frozen=True, slots=True)
class TextState:
    """The state of `TextResults`.

    Attributes:
        number: Number of the latest pair of files, from 1.
        unnamed: How many pairs before it may lack their final names.
        sizes: Bytes written to each of the latest.
        timeline: When their frames are shown.
    """

    number: int
    unnamed: int
    sizes: tuple[int, int]
    timeline: TimelineState


class TextResults:
    """``mot.txt`` and ``detections.txt``, written aside side by side.

    After ``options.text_minutes`` of the stream, outages not counted, ``mot-2.txt`` and
    ``detections-2.txt`` begin; the files before them get their final names by `name_earlier`. Who
    finds such a file may take it away: no later process asks for it. Beyond
    ``options.text_gigabytes``, the oldest pairs with final names are removed, but not the latest.

    Args:
        folder: Where they go; created where missing.
        options: How long they are, and how much of them is kept.
        resume: State of those that an earlier process left; what it wrote later is dropped.
        notify: Called with one line for the user.

    Attributes:
        tracks: The latest file of tracks.
        detections: The latest file of detections.

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
        self._seconds = 60 * options.text_minutes
        self._retention = Retention(
            options.text_gigabytes,
            f"tracks and detections in {folder} (sink.text_gigabytes)",
            notify,
        )
        self._number = resume.number if resume else 1
        self._timeline = _timeline(resume.timeline if resume else None)
        self._unnamed: list[tuple[AtomicFile, AtomicFile]] = []  # before the latest
        self._naming: Future[int] | None = None
        if resume is not None:
            self._reopen(resume)
        self._open(resume.sizes if resume else (0, 0))

    @property
    def files(self) -> tuple[AtomicFile, ...]:
        """The files that may lack their final names: the latest, and some before them."""
        return *(file for pair in self._unnamed for file in pair), self.tracks, self.detections

    @property
    def names(self) -> tuple[str, ...]:
        """Names of `files` and of the earlier ones that are there."""
        earlier = [path.name for paths in self._named for path in paths if path.exists()]
        return (*earlier, *(file.path.name for file in self.files))

    def state(self) -> TextState:
        """What a later process needs to continue."""
        sizes = self.tracks.size, self.detections.size
        return TextState(self._number, len(self._unnamed), sizes, self._timeline.state())

    def write(self, tracks: Tracks, number: int) -> None:
        """Adds the rows of a frame and hands them to the operating system."""
        if self._seconds and self._timeline.seconds >= self._seconds:
            self._begin_next()
        self._timeline.place(tracks.frame)
        for file, rows in (
            (self.tracks, mot_rows(tracks, number)),
            (self.detections, detection_rows(tracks.detections, number)),
        ):
            if rows:
                file.write(rows)
                file.flush()

    def name_earlier(self) -> None:
        """Lets a thread give the files before the latest their final names.

        Call it when `state` is saved, or at any time if a later process begins from the start.
        """
        if self._naming is not None and self._naming.done():
            self._wait_for_names()
        if self._unnamed and self._naming is None:
            ended = list(self._unnamed)
            self._naming = in_background(lambda: _commit(ended))

    def complete(self) -> None:
        """Waits until `files` are on the disk; they get no final names yet."""
        self._wait_for_names()
        for file in self.files:
            file.complete()

    def discard(self) -> None:
        """Removes the latest files; those before them keep or get their final names."""
        with contextlib.suppress(OutputError):
            while self._unnamed:
                self.name_earlier()
                self._wait_for_names()
        for file in (self.tracks, self.detections):
            file.discard()

    @property
    def _named(self) -> list[tuple[Path, Path]]:
        return [self._paths(number) for number in range(1, self._number - len(self._unnamed))]

    def _paths(self, number: int) -> tuple[Path, Path]:
        return (
            self._folder / numbered(TRACKS, number),
            self._folder / numbered(DETECTIONS, number),
        )

    def _open(self, sizes: tuple[int, int]) -> None:
        tracks, detections = self._paths(self._number)
        self.tracks = AtomicFile(tracks, sizes[0])
        try:
            self.detections = AtomicFile(detections, sizes[1])
        except OutputError:
            self.tracks.discard()
            raise

    def _begin_next(self) -> None:
        self._unnamed.append((self.tracks, self.detections))
        self._number += 1
        self._timeline = _timeline()
        self._open((0, 0))

    def _wait_for_names(self) -> None:
        """Waits for the thread, if there is one, and raises its error."""
        if self._naming is not None:
            del self._unnamed[: self._naming.result()]
            self._naming = None
            self._retention.apply(self._named)

    def _reopen(self, resume: TextState) -> None:
        """Lets an earlier process's files be as its state says, which is a little older than they.

        Earlier files may lack their final names, and if it was about to end, the latest may not.
        """
        for path in self._paths(resume.number):
            try:
                if path.exists() and not part_path(path).exists():
                    path.replace(part_path(path))
            except OSError as error:
                raise output_error(path, error) from error
        numbers = range(resume.number - resume.unnamed, resume.number)
        for path in (path for number in numbers for path in self._paths(number)):
            try:
                sync(part_path(path))
            except FileNotFoundError:
                continue
            except OSError as error:
                raise output_error(path, error) from error
            give_final_name(path)


def _commit(pairs: Sequence[tuple[AtomicFile, AtomicFile]]) -> int:
    """Gives the files their final names; returns how many pairs these are."""
    for file in (file for pair in pairs for file in pair):
        file.commit()
    return len(pairs)


def _timeline(state: TimelineState | None = None) -> Timeline:
    timeline = Timeline(_TIME_BASE, Fraction(0))
    if state is not None:
        timeline.restore(state)
    return timeline
