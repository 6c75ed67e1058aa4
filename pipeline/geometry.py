"""Regions, lines, zones and the ground in a config: their types, and those of a stream."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Sized
from pathlib import Path
from typing import Annotated, TypeAlias, TypeVar

from annotated_types import Ge, Le

from pipeline.validators import Before, column
from stages.errors import ConfigError
from stages.sink.crossings import Line, checked_line
from stages.sink.ground import Ground, checked_ground
from stages.sink.zones import Zone, checked_zone

EVERY_STREAM = "*"
"""Stands for every stream's name in the detector's regions, and in lines, zones and ground."""

EVERY_ZONE = "*"
"""Stands for every zone's name in the limits of stays."""

_Shape = TypeVar("_Shape", Line, Zone)
_Path = TypeVar("_Path", Path, str)
_Ground = TypeVar("_Ground")

_Pixels: TypeAlias = Annotated[float, Ge(-1e9), Le(1e9)]
Region: TypeAlias = tuple[_Pixels, _Pixels, _Pixels, _Pixels]
"""Left, top, right, bottom."""


def check_region(name: str, region: Region) -> None:
    """Checks that a region has an area.

    Raises:
        ValueError: It has none.
    """
    left, top, right, bottom = region
    if not (left < right and top < bottom):
        raise ValueError(f"{name}: a region is [left, top, right, bottom], got {list(region)}")


def ignored_in(ignored: Mapping[str, Sequence[Region]], stream: str) -> list[Region]:
    """Returns a stream's regions in ``detector.ignored``: those of every stream, and its own."""
    return [*ignored.get(EVERY_STREAM, ()), *ignored.get(stream, ())]


def region_of(regions: Mapping[str, Region], stream: str) -> Region | None:
    """Returns a stream's region in ``detector.regions``: its own, or else that of every stream."""
    return regions.get(stream, regions.get(EVERY_STREAM))


def shapes_of(shapes: Mapping[str, Mapping[str, _Shape]], stream: str) -> dict[str, _Shape]:
    """Returns a stream's lines or zones in the config: those of every stream, and its own."""
    return {**shapes.get(EVERY_STREAM, {}), **shapes.get(stream, {})}


def stay_limits_of(limits: Mapping[str, float], zones: Iterable[str]) -> dict[str, float]:
    """Returns the limits in ``sink.zone_stay_seconds`` of some zones, by name, without zeros."""
    found = {zone: limits.get(zone, limits.get(EVERY_ZONE, 0.0)) for zone in zones}
    return {zone: limit for zone, limit in found.items() if limit}


def ground_of(ground: Mapping[str, _Ground], stream: str) -> _Ground | None:
    """Returns a stream's ground in the config: its own, or else that of every stream."""
    return ground.get(stream, ground.get(EVERY_STREAM))


def reference_of(references: Mapping[str, _Path], stream: str) -> _Path | None:
    """Returns a stream's picture in ``decoder.reference``: its own, or else every stream's."""
    return references.get(stream, references.get(EVERY_STREAM))


def check_references(references: Mapping[str, Path]) -> None:
    """Checks that the pictures in ``decoder.reference`` exist.

    Raises:
        ConfigError: One does not.
    """
    for stream, path in references.items():
        if not path.is_file():
            found = "is a folder" if path.is_dir() else "does not exist"
            raise ConfigError(f"decoder.reference.{stream}: {path} {found}")


def _form(text: str, kind: type[Sized], length: int | None = None) -> Before:
    """Rejects values of another type or length with the error ``text``, which states the form."""

    def checked(value: object) -> object:
        if not isinstance(value, kind) or length not in (None, len(value)):
            raise ValueError(text)
        return value

    return Before(checked)


def _for_every_zone(value: object) -> object:
    """Returns limits by zone name; a single limit is that of every zone."""
    if value is None or isinstance(value, list | bool):
        raise ValueError("must be seconds, or have the form zone: seconds")
    return value if isinstance(value, dict) else {EVERY_ZONE: value}


_REGIONS = "regions have the form stream: [[left, top, right, bottom], …]"
_REGION = "a region has the form stream: [left, top, right, bottom]"
_LINES = "lines have the form stream: {line: [x1, y1, x2, y2], …}"
_ZONES = "zones have the form stream: {zone: [[x1, y1], [x2, y2], [x3, y3], …], …}"
_GROUND = "the ground has the form stream: [[x, y, metres x, metres y], …]"

_REFERENCES = "references have the form stream: picture.png"

_Region: TypeAlias = Annotated[Region, _form(_REGIONS, list, 4)]
_SearchedRegion: TypeAlias = Annotated[Region, _form(_REGION, list, 4)]
_StreamRegions: TypeAlias = Annotated[tuple[_Region, ...], _form(_REGIONS, list)]
_Name: TypeAlias = Annotated[str, Before(column)]
_Line: TypeAlias = Annotated[Line, Before(checked_line)]
_NamedLines: TypeAlias = Annotated[dict[_Name, _Line], _form(_LINES, dict)]
_Zone: TypeAlias = Annotated[Zone, Before(checked_zone)]
_NamedZones: TypeAlias = Annotated[dict[_Name, _Zone], _form(_ZONES, dict)]

Regions: TypeAlias = Annotated[dict[str, _StreamRegions], _form(_REGIONS, dict)]
"""Regions by stream name."""

SearchedRegions: TypeAlias = Annotated[dict[str, _SearchedRegion], _form(_REGION, dict)]
"""One region by stream name."""

Lines: TypeAlias = Annotated[dict[str, _NamedLines], _form(_LINES, dict)]
"""Lines by stream name and line name."""

Zones: TypeAlias = Annotated[dict[str, _NamedZones], _form(_ZONES, dict)]
"""Zones by stream name and zone name."""

StayLimits: TypeAlias = Annotated[dict[str, Annotated[float, Ge(0)]], Before(_for_every_zone)]
"""Seconds by zone name."""

Grounds: TypeAlias = Annotated[
    dict[str, Annotated[Ground, Before(checked_ground)]], _form(_GROUND, dict)
]
"""The ground by stream name."""

References: TypeAlias = Annotated[dict[str, Path], _form(_REFERENCES, dict)]
"""Pictures by stream name."""
