"""What a run has counted, as its files in a stream's folder tell it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from stages.atomic import final_path
from stages.errors import ConfigError
from stages.result_files import COUNTS, number_of, read_report


def counted_folders(folders: Iterable[Path]) -> list[Path]:
    """Returns the folders in and below ``folders`` where crossings or stays were written."""
    found = {
        path.parent
        for folder in folders
        for path in folder.rglob("*.txt*")
        if any(number_of(final_path(path), name) for name in COUNTS)
    }
    return sorted(found)


def stream_of(folder: Path) -> str:
    """Returns the name of the stream, which the folder of an earlier one of that name lacks."""
    return str(read_report(folder).get("stream", folder.name))


def rows(folder: Path, name: str, *columns: Callable[[str], Any]) -> Iterator[tuple[Any, ...]]:
    """Yields the rows of a result from all its files, those under way or left by a kill included.

    Args:
        folder: The stream's.
        name: The result, as ``crossings.txt``.
        columns: What reads each column.

    Raises:
        ConfigError: A row is malformed.
    """
    for path in _files(folder, name):
        with _opened(path) as file:
            for number, line in enumerate(file, 1):
                if not line.endswith("\n"):
                    break  # it is being written, or was cut
                try:
                    cells = zip(columns, line[:-1].split(","), strict=True)
                    yield tuple([read(text) for read, text in cells])
                except ValueError:
                    what = f"{path}:{number}: not a row of {name}: {line[:-1]!r}"
                    raise ConfigError(what) from None


def _files(folder: Path, name: str) -> list[Path]:
    """The files in the order of their frames: of each number the complete one, if there is one."""
    found: dict[int, Path] = {}
    for path in folder.iterdir():
        final = final_path(path)
        number = number_of(final, name)
        if number and (path == final or number not in found):
            found[number] = path
    return [found[number] for number in sorted(found)]


def _opened(path: Path) -> Any:
    try:
        return path.open(encoding="utf-8", newline="\n")
    except FileNotFoundError:  # it has got its name just now
        return final_path(path).open(encoding="utf-8", newline="\n")
