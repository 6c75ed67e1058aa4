"""Which tracker is run on detections that are scored."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pipeline.config import load_config
from stages.errors import ConfigError
from tools.track import parse_settings
from trackers import TRACKERS, build_tracker


@dataclass(frozen=True, slots=True)
class TrackerChoice:
    """A tracker and its settings.

    Attributes:
        label: How it is called in tables.
        name: Key of `trackers.TRACKERS`.
        settings: See `trackers.tracker_settings`.
    """

    label: str
    name: str
    settings: Mapping[str, object] = field(default_factory=dict)


def choose_tracker(label: str, settings: Iterable[str] = ()) -> TrackerChoice:
    """The tracker of that name, or that of a config.

    Args:
        label: A tracker's name, the name of a built-in config, or a config file.
        settings: ``setting=value``, over those of the config.

    Raises:
        ConfigError: There is no such tracker or config, or a setting is wrong.
    """
    name: str = label
    given: Mapping[str, object] = {}
    if label not in TRACKERS:
        chosen = load_config(Path(label)).tracker
        name, given = chosen.name, chosen.settings
    choice = TrackerChoice(label, name, {**given, **parse_settings(settings)})
    try:
        build_tracker(choice.name, **choice.settings)
    except ValueError as error:
        raise ConfigError(str(error)) from None
    return choice
