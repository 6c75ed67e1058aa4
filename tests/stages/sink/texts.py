"""Helpers that write text results and read them back."""

from __future__ import annotations

import copy
from pathlib import Path

from stages.result_files import numbered
from stages.sink.options import SinkOptions
from stages.sink.text_results import TextResults, TextState
from tests.stages.sink.conftest import make_header, make_tracks
from tests.stages.sink.stream import TEXTS

SIX_FRAMES = SinkOptions(text_minutes=0.2 / 60)


def write(texts: TextResults, numbers: range) -> None:
    for number in numbers:
        boxes = [[number, 20, number + 30, 50], [60, 60, 90, 80]]
        tracks = make_tracks(make_header(number - 1), boxes, [2, 1], [0.7, 0.9])
        texts.write(tracks, number, f"{number / 25:.3f}", [], [])


def state_after(texts: TextResults, numbers: range) -> TextState:
    """Writes frames; returns a copy of the state, which later writes do not change."""
    write(texts, numbers)
    return copy.deepcopy(texts.state())


def name_all_earlier(texts: TextResults) -> None:
    while texts.state().unnamed:
        texts.name_earlier()


def finish(texts: TextResults) -> None:
    texts.complete()
    for file in texts.files:
        file.commit()


def names_of(*parts: int) -> tuple[str, ...]:
    """Names of the files of these parts."""
    return tuple(numbered(kind, part) for part in parts for kind in TEXTS)


def rows(path: Path) -> list[list[float]]:
    return [list(map(float, line.split(","))) for line in path.read_text().splitlines()]


def numbers_in(path: Path) -> list[int]:
    """Numbers of the frames that have rows."""
    return sorted({int(row[0]) for row in rows(path)})
