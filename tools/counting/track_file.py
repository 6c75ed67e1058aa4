"""Tracks without times, such as those of another program; a frame rate gives their times."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from stages.errors import ConfigError
from stages.number_table import SUFFIXES
from stages.result_files import TEXTS, TIMES, TRACKS, VIEWS, text_number
from tools.annotations.ground_truths import annotation_files
from tools.results.rows import folders_with, stream_of, text_files
from tools.results.stored_tracks import StoredTracks, read_tracks


@dataclass(frozen=True)
class TrackFile:
    """Tracks of a recorded video, with its frame rate.

    Attributes:
        tracks: The tracks; the video ends at their last frame.
        frame_rate: Frames per second of the video.
    """

    tracks: StoredTracks
    frame_rate: Fraction

    @classmethod
    def read(cls, path: Path, frame_rate: Fraction) -> TrackFile:
        """Reads tracks from a file, or from all parts of a run's ``mot.txt`` in a folder.

        Raises:
            ConfigError: As for `read_tracks`.
        """
        return cls(read_tracks(path, stream_of(path)), frame_rate)

    @property
    def class_names(self) -> tuple[str, ...]:
        """Names of the classes; their numbers if only these are known; empty if there is one."""
        last = int(self.tracks.classes.max(initial=0))
        numbers = tuple(str(index + 1) for index in range(last + 1)) if last else ()
        return self.tracks.class_names or numbers

    def times(self) -> Iterator[tuple[int, str]]:
        """Yields the number of each frame and its time, as ``times.txt`` of a run has them."""
        frames = self.tracks.frames
        frame_rate, unit = self.frame_rate.as_integer_ratio()
        for index in range(int(frames[-1]) + 1 if len(frames) else 0):
            yield index + 1, f"{index * unit / frame_rate:.3f}"


def track_files(paths: Sequence[Path]) -> dict[str, list[Path]]:
    """Returns what `TrackFile.read` reads, by the name of the stream, in order.

    A file that is there plain and as ``.gz`` is one.

    Args:
        paths: Files, or folders with ``NAME.txt`` (also as ``.gz``), ``NAME.xml`` of UA-DETRAC,
            ``NAME/mot.txt`` or ``NAME/gt/gt.txt`` (also as ``.gz``).

    Raises:
        ConfigError: A folder has times, or views.
    """
    found = defaultdict[str, dict[str, Path]](dict)  # each once, however often it is named
    for path in paths:
        for each in _in_folder(path) if path.is_dir() else [path]:
            of_run = each if each.is_dir() else each.parent
            if each.is_dir() or text_number(each, TRACKS):
                if text_files(of_run, TIMES):
                    raise ConfigError(f"{of_run} has {TIMES}; count it without --frame-rate")
                if text_files(of_run, VIEWS):
                    raise ConfigError(f"{of_run} has {VIEWS} of a moving camera, but no {TIMES}")
                name, file = stream_of(of_run), of_run
            else:
                name, file = _name(each), each
            found[name].setdefault(str(file.resolve()).removesuffix(".gz"), file)
    return {name: [*files.values()] for name, files in sorted(found.items())}


def _in_folder(folder: Path) -> Iterator[Path]:
    yield from folders_with([TRACKS], [folder])
    for suffix in ("/gt/gt.txt", "/gt/gt.txt.gz", *SUFFIXES, ".xml"):
        for file in annotation_files(folder, suffix):
            if not any(text_number(file, name) for name in TEXTS):
                yield file


def _name(file: Path) -> str:
    if file.name.startswith("gt.txt"):
        folder = file.parent.resolve()  # the working directory may be this one
        if folder.name == "gt" and folder.parent.name:
            return folder.parent.name
    return file.name.removesuffix(".gz").removesuffix(".txt").removesuffix(".xml")
