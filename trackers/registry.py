"""Trackers by name, for configurations and the command line.

Besides the keys of `TRACKERS`, ``package.module:Class`` names a subclass of `Tracker` anywhere.
"""

from __future__ import annotations

import inspect
from types import NoneType

from trackers.bytetrack import ByteTrack
from trackers.ocsort import OCSort
from trackers.own_class import own_class, typed_line
from trackers.sort import Sort
from trackers.spottrack import SpotTrack
from trackers.tracker import Tracker

TRACKERS: dict[str, type[Tracker]] = {
    "sort": Sort,
    "bytetrack": ByteTrack,
    "ocsort": OCSort,
    "spottrack": SpotTrack,
}

_SETTING_TYPES = (NoneType, bool, int, float, str, list, dict)  # that YAML and JSON can hold


def default_settings(name: str) -> dict[str, object]:
    """Returns the default settings of the tracker ``name``, in the order of its constructor.

    Raises:
        ValueError: See `tracker_class`.
    """
    return _defaults_of(tracker_class(name))


def build_tracker(name: str, /, **settings: object) -> Tracker:
    """Builds a tracker by its name.

    Args:
        name: See `tracker_class`.
        **settings: See `default_settings`; omitted settings keep their defaults.

    Raises:
        ValueError: The tracker or a setting is unknown (the message lists what is allowed), or a
            value is out of its range.
    """
    chosen = tracker_class(name)
    allowed = _defaults_of(chosen)
    for setting in settings:
        if setting not in allowed:
            known = f"its settings are {', '.join(allowed)}" if allowed else "it has no settings"
            raise ValueError(f"tracker {name!r} has no setting {setting!r}; {known}")
    try:
        return chosen(**settings)
    except ValueError:
        raise
    except (Exception, SystemExit) as error:  # of a class that does not check its settings
        raise ValueError(f"tracker {name!r} cannot be built: {typed_line(error)}") from error


def tracker_class(name: str) -> type[Tracker]:
    """Returns the class of a tracker.

    Args:
        name: Key of `TRACKERS`, or ``package.module:Class``, whose module is imported.

    Raises:
        ValueError: The tracker is unknown (the message lists the known ones), its module cannot be
            imported, or its class cannot be used as a tracker.
    """
    if name in TRACKERS:
        return TRACKERS[name]
    if ":" not in name:
        raise ValueError(
            f"unknown tracker {name!r}; the trackers are {', '.join(sorted(TRACKERS))}, or "
            f"package.module:Class of your own"
        )
    try:
        return _own_tracker(own_class(name))
    except ValueError as error:
        raise ValueError(f"tracker {name!r}: {error}") from error


def _own_tracker(chosen: type) -> type[Tracker]:
    if not issubclass(chosen, Tracker):
        raise ValueError(f"{chosen.__name__} is not a subclass of trackers.tracker.Tracker")
    if missing := sorted(chosen.__abstractmethods__):
        raise ValueError(f"{chosen.__name__} does not implement {', '.join(missing)}")
    for setting, default in _defaults_of(chosen).items():
        if default is inspect.Parameter.empty:
            raise ValueError(f"parameter {setting!r} of the constructor has no default")
        if type(default) not in _SETTING_TYPES:
            raise ValueError(
                f"the default of {setting!r} is of type {type(default).__name__}, which a config "
                f"file cannot hold"
            )
    return chosen


def _defaults_of(chosen: type[Tracker]) -> dict[str, object]:
    """Returns the defaults as a config file holds them, with lists in place of tuples."""
    return {
        name: list(each.default) if isinstance(each.default, tuple) else each.default
        for name, each in inspect.signature(chosen).parameters.items()
        if each.kind not in (each.VAR_POSITIONAL, each.VAR_KEYWORD)
    }
