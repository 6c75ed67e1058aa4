"""Regions and lines in the frames of streams, as ``detector.ignored`` and ``sink.lines`` say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Sized
from typing import Annotated, TypeAlias

from annotated_types import Ge, Le

from pipeline.validators import Before, column
from stages.sink.crossings import Line, checked_line

EVERY_STREAM = "*"
"""Stands for every stream's name in ``detector.ignored`` and ``sink.lines``."""

_Pixels: TypeAlias = Annotated[float, Ge(-1e9), Le(1e9)]
Region: TypeAlias = tuple[_Pixels, _Pixels, _Pixels, _Pixels]
"""Left, top, right, bottom."""


def ignored_in(ignored: Mapping[str, Sequence[Region]], stream: str) -> list[Region]:
    """The regions of a stream by ``detector.ignored``: those of every stream, and its own."""
    return [*ignored.get(EVERY_STREAM, ()), *ignored.get(stream, ())]


def lines_of(lines: Mapping[str, Mapping[str, Line]], stream: str) -> dict[str, Line]:
    """The lines of a stream by ``sink.lines``: those of every stream, and its own."""
    return {**lines.get(EVERY_STREAM, {}), **lines.get(stream, {})}


def _form(text: str, kind: type[Sized], length: int | None = None) -> Before:
    """Refuses values of another kind or length with a text that tells the form."""

    def checked(value: object) -> object:
        if not isinstance(value, kind) or length not in (None, len(value)):
            raise ValueError(text)
        return value

    return Before(checked)


_REGIONS = "regions have the form stream: [[left, top, right, bottom], …]"
_LINES = "lines have the form stream: {line: [x1, y1, x2, y2], …}"

_Region: TypeAlias = Annotated[Region, _form(_REGIONS, list, 4)]
_OfStream: TypeAlias = Annotated[tuple[_Region, ...], _form(_REGIONS, list)]
_Line: TypeAlias = Annotated[Line, Before(checked_line)]
_Named: TypeAlias = Annotated[dict[Annotated[str, Before(column)], _Line], _form(_LINES, dict)]

Regions: TypeAlias = Annotated[dict[str, _OfStream], _form(_REGIONS, dict)]
"""The regions of each stream, by its name."""

Lines: TypeAlias = Annotated[dict[str, _Named], _form(_LINES, dict)]
"""The lines of each stream, by its name and theirs."""
