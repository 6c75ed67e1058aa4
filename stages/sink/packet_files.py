"""The files that hold the packets of an overlay until its video is complete."""

from __future__ import annotations

import contextlib
import itertools
from pathlib import Path

from stages.atomic import file_size, part_path, writing


class PacketFiles:
    """The files of the packets of one video, in their order; each writer begins one of its own.

    A later writer finds them up to the first that is missing, so the last is removed first. They,
    and the video, tell it how far the earlier one was:

    ============================ ===============================================================
    files with packets           it was drawing, or made the video, which is then made anew
    such files and the video     the video is complete; only the files were not removed yet
    the video                    it had committed
    files without packets        it had kept no frame, or was given up
    neither                      it had committed, and somebody took the video away since; or it
                                 was given no frame, which its state or the `EarlierPicture`
                                 of a repeated frame tells apart
    ============================ ===============================================================

    Args:
        path: Final name of the video.

    Attributes:
        paths: The files that earlier writers left, and the one of this.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        numbers = itertools.count(1)
        self.paths = list(itertools.takewhile(Path.exists, map(self._numbered, numbers)))

    def begin_next(self) -> None:
        """Makes a further file, the last of `paths`, or takes over an empty one.

        So an empty file is never before one with packets, and alone again once that is removed.

        Raises:
            OutputError: The file system refuses.
        """
        if not self.paths or file_size(self.paths[-1]):
            self.paths.append(self._numbered(len(self.paths) + 1))
        with writing(self._path):
            self.paths[-1].touch()

    def remove(self) -> None:
        """Removes all files; the next is the first one again.

        Raises:
            OutputError: The file system refuses.
        """
        while self.paths:
            with writing(self._path):
                self.paths[-1].unlink(missing_ok=True)
            self.paths.pop()

    def discard(self, *, given_up: bool) -> None:
        """Removes all files, as far as the file system lets it.

        Args:
            given_up: Leave the first one, empty.
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
