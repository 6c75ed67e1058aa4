"""The release that is installed, and what is known of a killed run, whichever release it was of."""

from __future__ import annotations

from pathlib import Path

import msgspec


class _Record(msgspec.Struct, frozen=True):
    """The part of a `RunRecord` that every release understands."""

    versions: dict[str, str]
    lossless: bool = True


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
    return _read(path).versions.get("spotstream", "")


def is_recorded_lossless(path: Path) -> bool:
    """Returns whether the run of the `RunRecord` at ``path`` might drop no frames.

    Raises:
        OSError: It cannot be read.
        ValueError: It is damaged.
    """
    return _read(path).lossless


def _read(path: Path) -> _Record:
    return msgspec.json.decode(path.read_bytes(), type=_Record)
