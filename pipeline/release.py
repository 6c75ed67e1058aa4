"""The installed release, and facts about a killed run that can be read whatever its release."""

from __future__ import annotations

from pathlib import Path

import msgspec


class _Record(msgspec.Struct, frozen=True):
    """The part of a `RunRecord` that every release understands."""

    versions: dict[str, str]
    lossless: bool = True


def installed_release() -> str:
    """Returns the release that a process started now would run, "" while it is being replaced."""
    from importlib.metadata import (  # here: slow to import
        MetadataPathFinder,
        PackageNotFoundError,
        version,
    )

    MetadataPathFinder().invalidate_caches()  # a folder's time does not show every change
    try:
        return version("spotstream") or ""
    except (PackageNotFoundError, KeyError):  # an empty record gives None or KeyError
        return ""


def recorded_release(path: Path) -> str:
    """Returns the release that wrote the `RunRecord` at ``path``; it may be any release.

    Raises:
        OSError: The record cannot be read.
        ValueError: The record is damaged.
    """
    return _read(path).versions.get("spotstream", "")


def is_recorded_lossless(path: Path) -> bool:
    """Returns whether the run of the `RunRecord` at ``path`` was lossless.

    Raises:
        OSError: The record cannot be read.
        ValueError: The record is damaged.
    """
    return _read(path).lossless


def _read(path: Path) -> _Record:
    return msgspec.json.decode(path.read_bytes(), type=_Record)
