"""The rows of a stream's results, even if its run was killed or has not ended yet."""

from __future__ import annotations

import contextlib
import gzip
import io
import logging
import zlib
from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path
from typing import Any, TextIO, cast

from stages.atomic import final_path
from stages.decoder.source_folders import closed_folders
from stages.errors import ConfigError
from stages.result_files import read_report, text_number

log = logging.getLogger(__name__)


def folders_with(results: Collection[str], folders: Sequence[Path]) -> list[Path]:
    """Returns the folders, in and below ``folders``, that contain any of the text ``results``.

    Those that the user is not permitted to read are left out, with a warning for each.
    """
    closed = {each for folder in folders for each in closed_folders(folder)}
    for folder in sorted(closed):
        log.warning("left out, since this user may not read it: %s", folder)
    found = {
        path.parent.resolve(): path.parent  # once, even if links lead to it
        for folder in folders
        # Folders of streams may be links, which rglob does not follow.
        for path in (*folder.rglob("*.txt*"), *folder.glob("*/*.txt*"))
        if path.parent not in closed and any(text_number(path, name) for name in results)
    }
    return sorted(found.values())


def runs_by_stream(folders: Sequence[Path], results: Collection[str]) -> dict[str, list[Path]]:
    """Returns the folders of each stream's runs by its name, in order, see `folders_with`."""
    streams: dict[str, list[Path]] = {}
    for folder in folders_with(results, folders):
        streams.setdefault(stream_of(folder), []).append(folder)
    return dict(sorted(streams.items()))


def of_runs(folders: Sequence[Path]) -> str:
    """Returns how many runs a stream's results are of, as the end of a message; "" if of one."""
    return f", of {len(folders)} runs" if len(folders) > 1 else ""


def stream_of(folder: Path) -> str:
    """Returns the name of the stream from its report, or else the name of its folder.

    They differ if the results were set aside in ``NAME-earlier`` for another stream of that name.
    """
    return str(read_report(folder).get("stream", folder.absolute().name))


def text_files(folder: Path, name: str) -> list[Path]:
    """Returns the files of a text result in the order of their frames, even unfinished ones."""
    # The last file of a number wins: a complete one over a part, then plain text over gzip.
    paths = sorted(folder.iterdir(), key=lambda path: (final_path(path) == path, not _is_gz(path)))
    found = {text_number(path, name): path for path in paths}
    return [found[number] for number in sorted(found) if number]


def rows(folder: Path, name: str, *columns: Callable[[str], Any]) -> Iterator[tuple[Any, ...]]:
    """Yields the rows of a result from all its files, including unfinished ones.

    Args:
        folder: The stream's folder.
        name: The result, such as ``crossings.txt``; its files may be compressed (``.gz``).
        columns: A function for each column that converts its text.

    Raises:
        ConfigError: A row is malformed, or a compressed file is broken.
    """
    for path in text_files(folder, name):
        try:
            with _opened(path) as file:
                for number, line in enumerate(file, 1):  # noqa: B007 (used below)
                    if line.endswith("\n"):  # else it is being written, or was cut off
                        cells = zip(columns, line[:-1].split(","), strict=True)
                        yield tuple([read(text) for read, text in cells])
        except (ValueError, OverflowError):
            text = line.rstrip("\n")[:80]
            raise ConfigError(f"{path}:{number}: not a row of {name}: {text!r}") from None
        except (EOFError, zlib.error, gzip.BadGzipFile):
            raise ConfigError(f"cannot read {path}: broken gzip data") from None


def _is_gz(path: Path) -> bool:
    return path.suffix == ".gz"


def _opened(path: Path) -> TextIO:
    """Opens a file that may be completed, compressed or removed at any time; empty if removed."""
    final = final_path(path)
    for each in (path, final, final.with_name(f"{final.name}.gz")):
        with contextlib.suppress(FileNotFoundError):
            if _is_gz(each):
                return cast("TextIO", gzip.open(each, "rt", encoding="utf-8", errors="replace"))
            return each.open(encoding="utf-8", errors="replace")
    return io.StringIO()
