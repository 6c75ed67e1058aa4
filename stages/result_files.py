"""Names and contents of a stream's result files, for the code that reads them."""

from __future__ import annotations

import contextlib
import json
import os
import re
import unicodedata
from collections.abc import Iterable
from enum import StrEnum
from pathlib import Path
from typing import Any

from stages.atomic import final_path

TRACKS = "mot.txt"
DETECTIONS = "detections.txt"
TIMES = "times.txt"
CROSSINGS = "crossings.txt"
ZONES = "zones.txt"
GROUND = "ground.txt"
KITTI = "kitti.txt"
VIEWS = "views.txt"
TEXTS = (TRACKS, DETECTIONS, TIMES, CROSSINGS, ZONES, GROUND, KITTI, VIEWS)
COUNTS = (CROSSINGS, ZONES)  # small, and the purpose of many runs: no limit removes them
OVERLAY = "overlay.mp4"
EVENTS = "events"
REPORT = "run.json"

_EVENT_PICTURE = re.compile(r"[0-9]{10}-.*\.jpg")
_NUMBER = re.compile(r"-[1-9][0-9]*(?=\.(txt|mp4)$)")
_NAME_BYTES = 200  # file systems allow 255, and result files add to a stream's name


class StreamStatus(StrEnum):
    """Whether a stream's results cover its whole source, and if not, why."""

    COMPLETE = "complete"
    INTERRUPTED = "interrupted"  # the user ended the run or the stream
    TRUNCATED = "truncated"  # the source ended early, or its decoder failed
    INCOMPLETE = "incomplete"  # the source ended normally, but frames are missing


def numbered(name: str, number: int) -> str:
    """Returns the name of file ``number`` of a result: ``mot.txt``, ``mot-2.txt`` and so on."""
    stem, _, suffix = name.rpartition(".")
    return name if number == 1 else f"{stem}-{number}.{suffix}"


def number_of(path: Path, name: str) -> int:
    """Returns the number of a file, see `numbered`; 0 if it is not a file of result ``name``."""
    stem, _, suffix = name.rpartition(".")
    found = re.fullmatch(rf"{stem}(?:-([1-9][0-9]*))?\.{suffix}", path.name)
    return int(found[1] or 1) if found else 0


def text_number(path: Path, name: str) -> int:
    """Returns `number_of` of the text that ``path`` is, or is a part or compressed copy of."""
    final = final_path(path)
    return number_of(final.with_suffix("") if final.suffix == ".gz" else final, name)


def event_pictures(folder: Path) -> list[Path]:
    """Returns the pictures of counted vehicles, in the order of their frames."""
    found = (folder / EVENTS).glob("*.jpg")
    pictures = (path for path in found if _EVENT_PICTURE.fullmatch(path.name))
    return sorted(pictures, key=lambda path: path.name)  # faster than comparing paths


def has_event_pictures(folder: Path) -> bool:
    """Returns whether there are any, without listing them: 100,000 would take half a second."""
    with contextlib.suppress(OSError), os.scandir(folder / EVENTS) as entries:
        return any(_EVENT_PICTURE.fullmatch(entry.name) for entry in entries)
    return False


def first_parts(names: Iterable[str]) -> tuple[str, ...]:
    """Returns ``names`` without the later files of each result that consists of several files."""
    first: dict[str, str] = {}
    for name in names:
        first.setdefault(_NUMBER.sub("", name), name)
    return tuple(first.values())


def is_of_run(path: Path) -> bool:
    """Returns whether the file is a result in the folder of a run that has ended."""
    named = any(number_of(path, name) for name in (*TEXTS, OVERLAY, REPORT))
    return named and (path.parent / REPORT).is_file()


def files_of(folder: Path, name: str) -> list[Path]:
    """Returns the complete files of result ``name`` in ``folder``, in the order of their frames."""
    found = [path for path in folder.iterdir() if number_of(path, name)]
    return sorted(found, key=lambda path: number_of(path, name))


def folder_name(name: str) -> str:
    """Returns the name of the results folder for a source; "" if no character can be kept.

    Keeps letters and digits of any script, their marks, and ``._-``; everything else becomes
    hyphens. A name that is too long for a folder is cut.
    """
    kept = (
        character if character in "._-" or unicodedata.category(character)[0] in "LMN" else " "
        for character in unicodedata.normalize("NFC", name)
    )
    name = re.sub(" +", "-", "".join(kept)).strip("-.")
    return name.encode()[:_NAME_BYTES].decode(errors="ignore").rstrip("-.")


def status(folder: Path) -> StreamStatus | None:
    """Returns the status of the stream from ``run.json``; None if it does not state one."""
    try:
        return StreamStatus(read_report(folder)["status"])
    except (KeyError, ValueError):
        return None


def is_complete(folder: Path) -> bool:
    """Returns whether ``run.json`` says that the whole source was processed."""
    return status(folder) is StreamStatus.COMPLETE


def frame_size(folder: Path) -> tuple[int, int] | None:
    """Returns the latest width and height from ``run.json``; None if it does not state them."""
    return _size(read_report(folder).get("frame_size"))


def frame_sizes(folder: Path) -> tuple[tuple[int, int], ...]:
    """Returns all widths and heights from ``run.json``, in pixels; empty if it states none.

    Reports of earlier releases state the latest only.
    """
    report = read_report(folder)
    match report.get("frame_sizes"):
        case [_, *_] as stated:
            sizes = [_size(each) for each in stated]
        case _:
            sizes = [_size(report.get("frame_size"))]
    return tuple(size for size in sizes if size)


def _size(stated: object) -> tuple[int, int] | None:
    match stated:
        case [int(width), int(height)] if width > 0 and height > 0:
            return width, height
    return None


def class_names(folder: Path) -> tuple[str, ...]:
    """Returns the class names from ``run.json``; empty if it does not state them."""
    match read_report(folder).get("class_names"):
        case [*names] if all(isinstance(name, str) for name in names):
            return tuple(names)
    return ()


def read_report(folder: Path) -> dict[str, Any]:
    """Returns the content of ``run.json``; empty if there is none."""
    try:
        report = json.loads((folder / REPORT).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return report if isinstance(report, dict) else {}


def real_path(path: str, directory: str | None) -> str:
    """Returns the real path of what ``run.json`` or a config names.

    Args:
        path: The path.
        directory: The run's working directory; None if it was gone when the run began.
    """
    return str(Path(directory or "", path).resolve())
