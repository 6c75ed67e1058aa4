"""Trackers by name, for configurations and the command line."""

from __future__ import annotations

import inspect

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


def default_settings(name: str) -> dict[str, object]:
    """Returns the default settings of the tracker ``name``, in the order of its constructor.

    Raises:
        ValueError: The tracker is unknown; the message lists the known ones.
    """
    return {
        parameter.name: parameter.default
        for parameter in inspect.signature(_tracker_class(name)).parameters.values()
        if parameter.kind is inspect.Parameter.KEYWORD_ONLY
    }


def build_tracker(name: str, /, **settings: object) -> Tracker:
    """Builds a tracker by its name.

    Args:
        name: Key of `TRACKERS`.
        **settings: See `default_settings`; omitted settings keep their defaults.

    Raises:
        ValueError: The tracker or a setting is unknown (the message lists what is allowed), or a
            value is out of its range.
    """
    allowed = default_settings(name)
    for setting in settings:
        if setting not in allowed:
            raise ValueError(
                f"tracker {name!r} has no setting {setting!r}; its settings are "
                + ", ".join(allowed)
            )
    return _tracker_class(name)(**settings)


def _tracker_class(name: str) -> type[Tracker]:
    try:
        return TRACKERS[name]
    except KeyError:
        raise ValueError(
            f"unknown tracker {name!r}; the trackers are {', '.join(sorted(TRACKERS))}"
        ) from None
