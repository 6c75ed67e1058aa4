"""A folder that gets its final name only when it is complete."""

from __future__ import annotations

import shutil
from pathlib import Path

from stages.atomic import give_final_name, make_folder, part_path, sync, writing
from stages.errors import OutputError


class SceneFolder:
    """Writes files to a temporary hidden folder, which is renamed when complete.

    Args:
        path: Final path. The leftovers of an interrupted run are removed.

    Raises:
        OutputError: The file system refuses; raised by every method that writes.
    """

    def __init__(self, path: Path) -> None:
        self.path, self._part = path, part_path(path)
        self.discard()
        make_folder(self._part)

    def write(self, name: str, content: bytes) -> None:
        """Writes a file, whose name may contain folders."""
        file = self._part / name
        make_folder(file.parent)
        with writing(self.path / name):
            file.write_bytes(content)

    def commit(self) -> None:
        """Syncs the folder and gives it its final name, replacing an older one."""
        with writing(self.path):
            for path in (*self._part.rglob("*"), self._part):
                sync(path)
            if self.path.exists():
                shutil.rmtree(self.path)
        give_final_name(self.path)

    def discard(self) -> None:
        """Removes the hidden folder.

        Raises:
            OutputError: It cannot be removed.
        """
        shutil.rmtree(self._part, ignore_errors=True)
        if self._part.exists():
            raise OutputError(f"cannot remove {self._part}; choose another --output")
