"""How full zones are: the vehicles that are in them, from when they enter to when they leave."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby
from operator import itemgetter
from typing import Any, NamedTuple, TypeAlias

from tools.counting.intervals import Interval

Group: TypeAlias = tuple[str, str]
"""A zone, and the class that a vehicle had when it entered."""


class Occupancy(NamedTuple):
    """How many vehicles of a class were in a zone, in the frames of an interval.

    Attributes:
        interval: The interval.
        zone: The zone.
        class_name: Their class when they entered.
        vehicle_frames: The sum of their number over the frames.
        most: The largest number in a frame.
        most_of_all: The largest number of vehicles of all classes, in frames with one of these.
    """

    interval: Interval
    zone: str
    class_name: str
    vehicle_frames: int = 0
    most: int = 0
    most_of_all: int = 0


class OccupancyCounts(dict[tuple[Interval, str, str], Occupancy]):
    """Occupancies by interval, zone and class; those without vehicles are missing."""

    def add(self, interval: Interval, frames: int, inside: Mapping[Group, int]) -> None:
        """Adds a number of frames, each with the same number of vehicles of each group."""
        of_zones = Counter[str]()
        for (zone, _), vehicles in inside.items():
            of_zones[zone] += vehicles
        for (zone, class_name), vehicles in inside.items():
            key = interval, zone, class_name
            so_far = self.get(key, Occupancy(*key))
            self[key] = so_far._replace(
                vehicle_frames=so_far.vehicle_frames + frames * vehicles,
                most=max(so_far.most, vehicles),
                most_of_all=max(so_far.most_of_all, of_zones[zone]),
            )


def frames_by_content(
    times: Iterable[tuple[int, Interval]], events: Iterable[tuple[Any, ...]]
) -> Iterator[tuple[Interval, int, Mapping[Group, int]]]:
    """Yields successive frames with the same vehicles in zones: interval, frames, vehicles inside.

    A vehicle is inside from its frame of ``enter`` to that of ``leave`` or ``lost``, these
    included. One that has no such event yet is inside until the last frame.

    Args:
        times: The number and interval of each frame, of which there may be millions.
        events: The columns of ``zones.txt``, with an interval in place of the time.
    """
    changes = deque(_changes(events))
    inside = Counter[Group]()
    for interval, frames in groupby(times, itemgetter(1)):
        count = 0
        for number, _ in frames:
            while changes and changes[0][0] <= number:
                if count:
                    yield interval, count, +inside
                count = 0
                _, group, change = changes.popleft()
                inside[group] += change
            count += 1
        yield interval, count, +inside


def _changes(events: Iterable[tuple[Any, ...]]) -> list[tuple[int, Group, int]]:
    """Returns the changes of the number of vehicles inside, each with its frame, in that order."""
    groups: dict[tuple[int, str], Group] = {}  # a vehicle's class may change until it leaves
    changes = []
    for number, _, vehicle, class_name, zone, event, _ in events:
        if event == "enter":
            group = groups[vehicle, zone] = zone, class_name
            changes.append((number, group, 1))
        elif event != "stay" and (vehicle, zone) in groups:
            changes.append((number + 1, groups.pop((vehicle, zone)), -1))
    return sorted(changes, key=lambda change: change[0])
