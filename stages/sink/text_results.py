"""The text results of a stream: tracks and detections."""

from __future__ import annotations

from pathlib import Path

from stages.atomic import AtomicFile
from stages.errors import OutputError
from stages.records import Tracks
from stages.result_files import DETECTIONS, TRACKS
from stages.sink.detrac import detection_rows
from stages.sink.mot import mot_rows


class TextResults:
    """``mot.txt`` and ``detections.txt``, written aside side by side.

    Args:
        folder: Where they go; created where missing.
        sizes: Bytes to keep of each of the part files that an earlier process left.

    Attributes:
        tracks: ``mot.txt``.
        detections: ``detections.txt``.

    Raises:
        OutputError: From every method that writes, when the file system refuses.
    """

    def __init__(self, folder: Path, sizes: tuple[int, int] = (0, 0)) -> None:
        self.tracks = AtomicFile(folder / TRACKS, sizes[0])
        try:
            self.detections = AtomicFile(folder / DETECTIONS, sizes[1])
        except OutputError:
            self.tracks.discard()
            raise

    @property
    def files(self) -> tuple[AtomicFile, AtomicFile]:
        """Both files."""
        return self.tracks, self.detections

    @property
    def sizes(self) -> tuple[int, int]:
        """Bytes written so far to each."""
        return self.tracks.size, self.detections.size

    def write(self, tracks: Tracks, number: int) -> None:
        """Adds the rows of a frame and hands them to the operating system."""
        for file, rows in (
            (self.tracks, mot_rows(tracks, number)),
            (self.detections, detection_rows(tracks.detections, number)),
        ):
            if rows:
                file.write(rows)
                file.flush()
