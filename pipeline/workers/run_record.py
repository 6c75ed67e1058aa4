"""What a run was started with, as recorded in ``run.json``."""

from __future__ import annotations

import functools
import importlib.metadata
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec

from pipeline.config import RunConfig, to_plain
from pipeline.plan import decode_struct, encode_struct
from pipeline.release import RecordedRun
from stages.atomic import replacing
from stages.errors import OutputError
from stages.urls import server_of


class RunRecord(msgspec.Struct, frozen=True, kw_only=True):
    """Config and versions of a run, and whether the stream in whose folder it is may drop frames.

    The record is kept in the stream's folder until the results are complete, so that they can be
    completed if the run is killed.

    Attributes:
        stream: Name of the stream; the folder may have been renamed.
        config: The run's configuration.
        lossless: Whether no frame of the stream may be dropped.
        versions: Versions of the program and the packages that produce the results.
        working_directory: The directory of the config's relative paths; None if it was gone.
    """

    stream: str
    config: RunConfig
    lossless: bool
    versions: dict[str, str]
    working_directory: str | None

    @classmethod
    def of(cls, stream: str, config: RunConfig, *, lossless: bool) -> RunRecord:
        """Returns the record of the run that this process belongs to."""
        return cls(
            stream=stream,
            config=_without_secrets(config),
            lossless=lossless,
            versions=installed_versions(),
            working_directory=_working_directory(),
        )

    def save(self, path: Path) -> None:
        """Writes the record; the file is whole even if the process is killed.

        Raises:
            OutputError: The file cannot be written.
        """
        with replacing(path, synced=False) as part:
            part.write_bytes(encode_struct(self))

    @classmethod
    def load(cls, path: Path) -> RunRecord:
        """Reads the record at ``path``.

        Raises:
            OSError: The file cannot be read.
            OutputError: Another release wrote it.
            ValueError: It is damaged.
        """
        release = RecordedRun.load(path).release
        if release != installed_versions()["spotstream"]:
            raise OutputError(f"{path.parent} was written by SpotStream {release}: use that one")
        return decode_struct(path.read_bytes(), cls)

    def to_plain(self) -> dict[str, Any]:
        """Returns the part of ``run.json`` that is known when the run starts."""
        return {
            "versions": self.versions,
            "working_directory": self.working_directory,
            "config": to_plain(self.config),
        }


def _without_secrets(config: RunConfig) -> RunConfig:
    sent = {stream: server_of(url) for stream, url in config.sink.overlay_url.items()}
    return replace(config, sink=replace(config.sink, overlay_url=sent))


@functools.cache
def installed_versions() -> dict[str, str]:
    """Returns the versions of the program and the packages that produce its results."""
    names = ("spotstream", "torch", "av", "opencv-python", "numpy", "scipy", "filterpy", "pyzmq")
    return {name: importlib.metadata.version(name) for name in names}


def _working_directory() -> str | None:
    try:
        return str(Path.cwd())
    except FileNotFoundError:
        return None
