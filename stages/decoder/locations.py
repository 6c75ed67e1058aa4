"""Resolves the locations that the user gives after ``--source`` to streams."""

from __future__ import annotations

import difflib
import os
import re
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from stages.decoder.image_folder import IMAGE_SUFFIXES
from stages.decoder.segments import is_recording, segments_of
from stages.decoder.source_folders import (
    all_videos,
    closed_folders,
    image_folders,
    layout_of,
    nearest_videos,
    recordings_in,
    sequence_of,
    stated_frame_rate,
    videos_in,
)
from stages.errors import SourceError, unreadable_name
from stages.result_files import folder_name
from stages.urls import is_session, redact, reject_unreachable

DEMO = "scene://demo"
"""Location of the rendered scene that `spotstream run` shows if it is given no source."""

_WEB_SUFFIXES = frozenset(
    {".avi", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".mts", ".ts", ".webm"}
)
_WEB_SCHEMES = frozenset({"http", "https"})

_NAMED = re.compile(r"([^=/:]+)=\s*(.+)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class SourceSpec:
    """One stream to open.

    Attributes:
        name: Name of the stream and of its folder in the results.
        location: File, folder, URL or `DEMO`.
        layout: Benchmark it belongs to (``detrac``, ``uavdt``, ``mot``) or "".
        of_data_set: Whether it is one of the sequences below a folder that the user gave.
        frame_rate: Frames per second stated in a ``seqinfo.ini``, as a fraction, or "".
    """

    name: str
    location: str
    layout: str = ""
    of_data_set: bool = False
    frame_rate: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "location", os.fspath(self.location))  # a `Path` is accepted, too


def is_live(location: str) -> bool:
    """Returns whether a location is a live stream or device, not a local or web file or `DEMO`.

    A live stream may be described by a file, see `is_session`.
    """
    scheme, separator, rest = location.partition("://")
    if not separator:
        return location.startswith("/dev/video") or is_session(location)
    if scheme.lower() == "file":
        return is_session(location)
    suffix = Path(rest.partition("?")[0]).suffix.lower()
    return location != DEMO and not (scheme.lower() in _WEB_SCHEMES and suffix in _WEB_SUFFIXES)


def is_pipe(location: str) -> bool:
    """Returns whether a location is a named pipe, whose writer may pause for any length of time."""
    try:
        return Path(location).is_fifo()
    except OSError:  # such as a URL too long for a path
        return False


def expand_sources(
    locations: Sequence[str], taken: Collection[str] = frozenset()
) -> list[SourceSpec]:
    """Returns a spec per source; for a data set's root, one per sequence. Names are unique.

    Args:
        locations: Locations that the user gave; ``NAME=LOCATION`` names the stream.
        taken: Names of other streams.

    Raises:
        SourceError: A location is empty or not UTF-8, a URL names no host or an impossible port,
            a given name is taken or refers to several streams, a path does not exist, cannot be
            read or holds nothing to read, or several locations are images of one folder.
    """
    _reject_single_images(locations)
    specs: list[SourceSpec] = []
    given = set(taken)
    for location in locations:
        try:
            name, place = split_name(location)
            found = _expand(place)
        except OSError as error:
            unread = error.filename or location
            raise SourceError(f"cannot read {unread}: {error.strerror or error}") from error
        if name:
            if name in given:
                raise SourceError(f"the name {name} is taken; choose another")
            if len(found) > 1:
                raise SourceError(f"{place} holds {len(found)} streams, not one to name")
            given.add(name)
            found = [replace(found[0], name=name)]
        specs += found
    for spec in specs:
        if problem := unreadable_name(spec.location):
            raise SourceError(problem)
    return name_sources(specs, taken)


def absolute_location(location: str) -> str:
    """Returns the location in a form that is valid in any working directory.

    Raises:
        SourceError: The location is empty.
    """
    _reject_empty(location)
    if "://" in location:
        return location
    name, place = split_name(location)
    return (f"{name}=" if name else "") + str(_path(place).absolute())


def name_sources(
    specs: Sequence[SourceSpec], taken: Collection[str] = frozenset()
) -> list[SourceSpec]:
    """Returns the specs with names that are unique and valid as folder names."""
    names = set(taken)
    named = []
    for spec in specs:
        clean = folder_name(spec.name) or "stream"
        unique, count = clean, 2
        while unique in names:
            unique, count = f"{clean}-{count}", count + 1
        names.add(unique)
        named.append(replace(spec, name=unique))
    return named


def split_name(location: str) -> tuple[str, str]:
    """Splits ``NAME=LOCATION``; the name is "" if none is given or a file has exactly that path.

    The name is valid as the name of the stream's folder, see `folder_name`.
    """
    named = _NAMED.fullmatch(location)
    if named is None or ("://" not in location and os.access(location, os.F_OK)):
        return "", location
    return folder_name(named[1]), named[2]


def _reject_empty(location: str) -> None:
    if not location.strip():
        raise SourceError("the source is empty; give a file, a folder or a URL")


def _reject_single_images(locations: Sequence[str]) -> None:
    """Rejects several images of one folder, to which a shell expands ``frames/*``.

    Each would be a stream with processes of its own.
    """
    files = [Path(place) for place in locations if "://" not in place]
    folders = Counter(file.parent for file in files if file.suffix.lower() in IMAGE_SUFFIXES)
    for folder, count in folders.items():
        if count > 1:
            raise SourceError(
                f"{count} images of {folder} would be a stream each; name the folder to make one "
                "stream of its images, or use spotstream detect"
            )


def _expand(location: str) -> list[SourceSpec]:
    _reject_empty(location)
    if "://" in location and not location.startswith("pipe:"):
        reject_unreachable(location)
        scheme, _, rest = location.partition("://")
        return [SourceSpec(redact(location).partition("://")[2], f"{scheme.lower()}://{rest}")]
    if location in ("-", "/dev/stdin") or location.startswith("pipe:"):
        raise SourceError("standard input cannot be read; a named pipe can, as mkfifo makes it")
    path = _path(location)
    if not path.exists():
        raise SourceError(f"no such source: {location}{_similar(path)}")
    if is_session(str(path)) and b"m=video" not in path.read_bytes():
        raise SourceError(f"{location} describes no video: it has no line m=video")
    if not path.is_dir():
        return [SourceSpec(path.stem, str(path))]
    if is_recording(path):
        return [SourceSpec(path.resolve().name, str(path))]
    if recordings := recordings_in(path):
        return _recordings(path, recordings)
    found = image_folders(path)
    if found == [path] and videos_in(path):
        raise SourceError(f"{location} holds images as well as videos; name the videos themselves")
    if found:
        return [_sequence(folder, of_data_set=folder != path) for folder in found]
    videos = nearest_videos(path)
    if not videos:
        raise SourceError(
            f"{location} holds neither images, nor sequences of images, nor videos that can be read"
        )
    return _below(path, videos)


def _recordings(root: Path, folders: Sequence[Path]) -> list[SourceSpec]:
    """Returns a spec for each recording with segments; a camera that gave no frame has none."""
    found = [folder for folder in folders if segments_of(folder)]
    if not found:
        raise SourceError(f"the recordings in {root} are empty: their cameras gave no frame")
    return _below(root, found)


def _below(root: Path, found: Sequence[Path]) -> list[SourceSpec]:
    """Returns a spec for each of the files and folders, named by its path below ``root``."""
    places = [
        (path.relative_to(root) if path.is_dir() else path.relative_to(root).with_suffix("")).parts
        for path in found
    ]
    return [
        SourceSpec("-".join(place), str(path), of_data_set=True)
        for place, path in zip(places, found, strict=True)
    ]


def _sequence(folder: Path, *, of_data_set: bool) -> SourceSpec:
    folder = folder.resolve()
    layout, frame_rate = layout_of(folder), stated_frame_rate(folder)
    return SourceSpec(sequence_of(folder), str(folder), layout, of_data_set, frame_rate)


def skipped_videos(locations: Sequence[str], specs: Sequence[SourceSpec]) -> list[Path]:
    """Returns the videos in and below the given folders that others keep out of ``specs``."""
    taken = {Path(spec.location).absolute() for spec in specs}
    return [
        video
        for folder in _folders(locations)
        for video in all_videos(folder)
        if video.absolute() not in taken
    ]


def unreadable_folders(locations: Sequence[str]) -> list[Path]:
    """Returns the folders below the given ones that the user is not permitted to read."""
    return [closed for folder in _folders(locations) for closed in closed_folders(folder)]


def _folders(locations: Sequence[str]) -> list[Path]:
    """Returns the folders among the locations, except recordings."""
    places = [split_name(location)[1] for location in locations]
    folders = [_path(place) for place in places if "://" not in place]
    return [folder for folder in folders if folder.is_dir() and not is_recording(folder)]


def _path(location: str) -> Path:
    """Returns the path of a location; ``~NAME`` is kept if there is no such home folder."""
    try:
        return Path(location).expanduser()
    except RuntimeError:
        return Path(location)


def _similar(path: Path) -> str:
    if path.is_symlink():
        return f"; it is a link to {path.readlink()}, which is not there"
    if str(path).isdecimal():
        return f"; a camera of this machine is /dev/video{path}"
    folder = path.parent
    names = [other.name for other in folder.iterdir()] if folder.is_dir() else []
    close = difflib.get_close_matches(path.name, names, 1)
    if close:
        return f"; did you mean {folder / close[0]}?"
    return f"; the rendered scene is {DEMO}" if path.name == "demo" else ""
