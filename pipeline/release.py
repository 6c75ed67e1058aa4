"""Releases of SpotStream: the one that is installed, and the one that a killed run was of."""

from __future__ import annotations

from pathlib import Path

import msgspec


class _Record(msgspec.Struct, frozen=True):
    """The part of a `RunRecord` that every release understands."""

    versions: dict[str, str]


def installed_release() -> str:
    """Returns the release that a process started now would be of, "" while it is being replaced."""
    from importlib.metadata import (  # here: it takes long
        MetadataPathFinder,
        PackageNotFoundError,
        version,
    )

    MetadataPathFinder().invalidate_caches()  # a folder's time does not tell of every change
    try:
        return version("spotstream") or ""
    except (PackageNotFoundError, KeyError):  # an empty record gives None or KeyError
        return ""


def recorded_release(path: Path) -> str:
    """Returns the release that wrote the `RunRecord` at ``path``, whichever it is.

    Raises:
        OSError: It cannot be read.
        ValueError: It is damaged.
    """
    return msgspec.json.decode(path.read_bytes(), type=_Record).versions.get("spotstream", "")
