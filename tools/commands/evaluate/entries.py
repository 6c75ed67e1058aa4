"""What is scored: folders as the user names them, and trackers to run on them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from stages.errors import ConfigError

if TYPE_CHECKING:
    from tools.evaluation.benchmark import Entry
    from tools.tracking.tracker_choice import TrackerChoice


def read_entries(
    detections: Sequence[str] | None,
    results: Sequence[str] | None,
    trackers: Sequence[str] = (),
    settings: Sequence[str] | None = None,
) -> list[Entry]:
    """Returns each folder of detections with each tracker, and each folder of tracks.

    Args:
        detections: Folders, or ``name=folder``.
        results: The same, for tracks.
        trackers: Labels as for `choose_tracker`; ``none`` for no tracker.
        settings: ``setting=value`` overrides for all trackers.

    Raises:
        ConfigError: Nothing to score, an unknown tracker, or a duplicate name.
    """
    from tools.evaluation.benchmark import Entry, with_trackers

    if not detections and not results:
        raise ConfigError("nothing to score; give --detections or --results")
    choices = _choices([label for label in trackers if label != "none"], settings or [])
    found, tracked = list(map(named, detections or [])), list(map(named, results or []))
    if len(found) > 1 or tracked:
        found = [(name or folder.resolve().name, folder) for name, folder in found]
    if len(tracked) > 1 or found:
        tracked = [(name or folder.resolve().name, folder) for name, folder in tracked]
    entries = with_trackers([Entry(name, folder) for name, folder in found], choices)
    entries += [Entry(name, folder, "results") for name, folder in tracked]
    check_names([entry.name for entry in entries])
    return entries


def _choices(labels: Sequence[str], settings: Sequence[str]) -> list[TrackerChoice]:
    """Returns the trackers; an error in the settings of several explains how to configure one."""
    from tools.tracking.tracker_choice import choose_tracker

    choices = []
    for label in labels:
        try:
            choices.append(choose_tracker(label, settings))
        except ConfigError as error:
            if not settings or len(labels) == 1:
                raise
            choose_tracker(label)  # raises if the settings are not the cause
            raise ConfigError(
                f"{error}. --set holds for every --tracker; for settings of one, give a config "
                f"file for each: --tracker sort.yaml"
            ) from None
    return choices


def named(text: str) -> tuple[str, Path]:
    """Splits ``name=path``; a bare path has the name ""."""
    name, equals, path = text.partition("=")
    if equals and "/" not in name and not Path(text).exists():
        return name, Path(path)
    return "", Path(text)


def check_names(names: Sequence[str]) -> None:
    """Checks that the names are unique.

    Raises:
        ConfigError: A name occurs twice.
    """
    for name in names:
        if names.count(name) > 1:
            raise ConfigError(f"two things to score are called {name!r}; name them: name=PATH")
