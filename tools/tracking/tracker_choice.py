"""Choice of the tracker to run on the detections."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from pipeline.config_file import built_in_configs, load_config
from stages.errors import ConfigError
from trackers import TRACKERS, default_settings, tracker_class


@dataclass(frozen=True, slots=True)
class TrackerChoice:
    """A tracker and its settings.

    Attributes:
        label: Its name in tables.
        name: See `trackers.tracker_class`.
        settings: See `trackers.default_settings`.
    """

    label: str
    name: str
    settings: Mapping[str, object]

    @property
    def all_settings(self) -> dict[str, object]:
        """The settings, with the tracker's defaults for those left out."""
        return {**default_settings(self.name), **self.settings}


def choose_tracker(label: str, settings: Iterable[str] = ()) -> TrackerChoice:
    """Returns the tracker of a given name, or the tracker of a config.

    Args:
        label: A tracker's name, see `trackers.tracker_class`; the name of a built-in config, or a
            config file.
        settings: ``setting=value`` overrides.

    Raises:
        ConfigError: The tracker or config does not exist, or a setting is invalid.
    """
    overrides = [f"tracker.settings.{setting}" for setting in settings]
    if label in TRACKERS or (":" in label and not Path(label).exists()):
        check_tracker(label)
        chosen = load_config(None, [f"tracker.name={label}", *overrides]).tracker
    elif label not in built_in_configs() and not Path(label).exists():
        raise ConfigError(
            f"no tracker or config {label}; trackers are {', '.join(TRACKERS)} or "
            f"package.module:Class of your own, configs {', '.join(built_in_configs())} or a file"
        )
    else:
        chosen = load_config(Path(label), overrides).tracker
    return TrackerChoice(label, chosen.name, chosen.settings)


def check_tracker(name: str) -> None:
    """Checks that a tracker exists.

    Raises:
        ConfigError: It does not, or cannot be used; see `trackers.tracker_class`.
    """
    try:
        tracker_class(name)
    except ValueError as error:
        raise ConfigError(str(error)) from None
