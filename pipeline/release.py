"""The installed release, and facts about a killed run that can be read whatever its release."""

from __future__ import annotations

from pathlib import Path

import msgspec


class RecordedRun(msgspec.Struct, frozen=True):
    """The part of a `RunRecord` that every release understands; any may have written it.

    Attributes:
        versions: Versions of the program and its packages.
        lossless: Whether no frame of the stream may be dropped.
    """

    versions: dict[str, str]
    lossless: bool = True

    @classmethod
    def load(cls, path: Path) -> RecordedRun:
        """Reads the record at ``path``.

        Raises:
            OSError: The record cannot be read.
            ValueError: The record is damaged.
        """
        return msgspec.json.decode(path.read_bytes(), type=cls)

    @property
    def release(self) -> str:
        """The release that wrote the record, "" if it does not state it."""
        return self.versions.get("spotstream", "")


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
