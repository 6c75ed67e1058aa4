"""Determines which streams are added to a running pipeline, and their names."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from stages.atomic import writing
from stages.decoder.locations import SourceSpec, expand_sources, name_sources, split_name
from stages.errors import ConfigError
from stages.sink.folder_contents import has_results, unfinished_results


def streams_to_add(
    location: str, name: str, running: Sequence[str], output: Path
) -> list[SourceSpec]:
    """Returns the streams of a location that is added to a running pipeline.

    A stream that the user names gets the folder of that name; results that an ended stream left
    there are moved to ``NAME-earlier``.

    Args:
        location: File, folder or URL, perhaps with ``NAME=`` before it.
        name: Name that the user wants, or "".
        running: Names of the running streams.
        output: Results folder; a name with results there is reused only if the user gives it.

    Raises:
        ConfigError: The name belongs to a running stream, to unfinished results or to a link to
            results, or is given for several streams.
        OutputError: Earlier results cannot be moved.
        SourceError: There is no such source.
    """
    given, location = split_name(location)
    name = name or given
    if not name:
        return expand_sources([location], {*running, *_names_of_results(output)})
    added = expand_sources([location])
    if len(added) > 1:
        raise ConfigError(f"{location} holds {len(added)} streams, not one to name")
    (spec,) = name_sources([replace(added[0], name=name)])
    if spec.name in running:
        raise ConfigError(f"a stream {spec.name} is running already")
    folder = output / spec.name
    if unfinished_results(folder):
        raise ConfigError(f"{folder} holds unfinished results; choose another name")
    if has_results(folder):
        if folder.is_symlink():
            raise ConfigError(f"{folder} is a link and holds results; choose another name")
        _set_aside(folder, running)
    return [spec]


def _set_aside(folder: Path, running: Sequence[str]) -> None:
    """Renames ``folder`` so that it ends in ``-earlier``, or ``-earlier-2`` and so on."""
    aside = folder.with_name(f"{folder.name}-earlier")
    for number in itertools.count(2):
        if not aside.exists() and aside.name not in running:
            break
        aside = folder.with_name(f"{folder.name}-earlier-{number}")
    with writing(aside):
        folder.rename(aside)


def _names_of_results(output: Path) -> list[str]:
    if not output.is_dir():
        return []
    return [path.name for path in output.iterdir() if has_results(path) or unfinished_results(path)]
