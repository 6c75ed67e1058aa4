"""Trackers by name, for configurations and the command line.

Besides the keys of `TRACKERS`, ``package.module:Class`` names a subclass of `Tracker` anywhere.
"""

from __future__ import annotations

import inspect
from importlib import import_module
from types import ModuleType, NoneType

from trackers.bytetrack import ByteTrack
from trackers.ocsort import OCSort
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
    except Exception as error:  # of a class that does not check its settings
        raise ValueError(f"tracker {name!r} cannot be built: {_in_one_line(error)}") from error


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
        return _imported_class(*name.split(":", 1))
    except ValueError as error:
        raise ValueError(f"tracker {name!r}: {error}") from error


def _imported_class(module: str, class_name: str) -> type[Tracker]:
    chosen = getattr(_imported(module), class_name, None)
    if not isinstance(chosen, type):
        raise ValueError(f"module {module} has no class {class_name!r}")
    if not issubclass(chosen, Tracker):
        raise ValueError(f"{class_name} is not a subclass of trackers.tracker.Tracker")
    if missing := sorted(chosen.__abstractmethods__):
        raise ValueError(f"{class_name} does not implement {', '.join(missing)}")
    for setting, default in _defaults_of(chosen).items():
        if default is inspect.Parameter.empty:
            raise ValueError(f"parameter {setting!r} of the constructor has no default")
        if type(default) not in _SETTING_TYPES:
            raise ValueError(
                f"the default of {setting!r} is of type {type(default).__name__}, which a config "
                f"file cannot hold"
            )
    return chosen


def _imported(module: str) -> ModuleType:
    if not module or module.startswith("."):
        raise ValueError("the name must be package.module:Class")
    try:
        return import_module(module)
    except (Exception, SystemExit) as error:
        missing = error.name if isinstance(error, ModuleNotFoundError) else None
        if missing is not None and f"{module}.".startswith(f"{missing}."):
            problem = f"there is no module {missing}; install it, or add its folder to PYTHONPATH"
            raise ValueError(problem) from None
        raise ValueError(f"importing {module} failed: {_in_one_line(error)}") from error


def _defaults_of(chosen: type[Tracker]) -> dict[str, object]:
    """Returns the defaults as a config file holds them, with lists in place of tuples."""
    return {
        name: list(each.default) if isinstance(each.default, tuple) else each.default
        for name, each in inspect.signature(chosen).parameters.items()
        if each.kind not in (each.VAR_POSITIONAL, each.VAR_KEYWORD)
    }


def _in_one_line(error: BaseException) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())
