"""The files that hold the packets of an overlay until its video is complete."""

from __future__ import annotations

import contextlib
import itertools
from pathlib import Path

from stages.atomic import file_size, part_path, writing


class PacketFiles:
    """The packet files of one video, in order; each writer begins a new one.

    A later writer finds them up to the first missing number, so the last is removed first. These
    files and the video show how far the earlier writer had come:

    ============================ ===============================================================
    files with packets           it was drawing, or writing the video, which is then rewritten
    such files and the video     the video is complete; only the files were not removed yet
    the video                    it had committed
    files without packets        it had kept no frame, or was given up
    neither                      it had committed, and the video was moved away since; or it had
                                 received no frame. Its state, or the `EarlierPicture` of a
                                 repeated frame, distinguishes the two
    ============================ ===============================================================

    Args:
        path: Final name of the video.

    Attributes:
        paths: The files of earlier writers, followed by this writer's own.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        numbers = itertools.count(1)
        self.paths = list(itertools.takewhile(Path.exists, map(self._numbered, numbers)))

    def begin_next(self) -> None:
        """Creates another file at the end of `paths`, or reuses the last one if it is empty.

        Otherwise an empty file could precede one with packets, and remain once that is removed.

        Raises:
            OutputError: The file system refuses.
        """
        if not self.paths or file_size(self.paths[-1]):
            self.paths.append(self._numbered(len(self.paths) + 1))
        with writing(self._path):
            self.paths[-1].touch()

    def remove(self) -> None:
        """Removes all files; the next one gets the first number again.

        Raises:
            OutputError: The file system refuses.
        """
        while self.paths:
            with writing(self._path):
                self.paths[-1].unlink(missing_ok=True)
            self.paths.pop()

    def discard(self, *, given_up: bool) -> None:
        """Removes all files that the file system allows to be removed.

        Args:
            given_up: Leave an empty first file.
        """
        removed = self.paths
        with contextlib.suppress(OSError):
            if given_up:
                self._numbered(1).write_bytes(b"")
                removed = removed[1:]
        for path in reversed(removed):
            with contextlib.suppress(OSError):
                path.unlink()

    def _numbered(self, number: int) -> Path:
        return part_path(self._path.with_name(f"{self._path.name}.{number}"))
