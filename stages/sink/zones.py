"""Counts vehicles in zones of the image: which entered, when they left, how many are inside."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import inf
from types import MappingProxyType
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from stages.measurements import ZoneCounts, ZoneEvent, ZoneEventKind
from stages.records import SECONDS_ERROR, Float64Array, Tracks
from stages.sink.places import (
    Anchor,
    Place,
    Point,
    checked,
    countable_places,
    most_frequent_class,
    numbers,
    vote,
)

Zone: TypeAlias = tuple[Point, ...]
"""The corners of a polygon, x and y in pixels of the frame, or of the picture to which its `View`
maps it."""

_LOST_SECONDS = 5.0 + SECONDS_ERROR
_REMEMBERED_TRACKS = 1024
_MIN_AREA = 25.0  # pixels
_NO_LIMITS: Mapping[str, float] = MappingProxyType({})


class Moment(NamedTuple):
    """A frame: its number, its time (see `time_of`), and its seconds within its epoch."""

    number: int
    time: str
    seconds: float


@dataclass(slots=True)
class Stay:
    """A vehicle's stay in a zone.

    Attributes:
        first: The first frame of the stay.
        last: The latest frame in which the vehicle was in the zone.
        counts: Whether the stay counts, because the vehicle was inside by more than its jitter or
            was first seen inside.
        is_long: Whether the event ``"stay"`` was returned.
    """

    first: Moment
    last: Moment
    counts: bool
    is_long: bool = False


@dataclass(slots=True)
class ZoneTrack:
    """A track with its stays in the zones.

    Attributes:
        epoch: The epoch of the stream in which it was seen.
        seen: When it was last seen, in seconds.
        stays: Its stay in each zone; None if it is outside.
        classes: How many of its boxes had each class, see `vote`.
    """

    epoch: int
    seen: float
    stays: list[Stay | None]
    classes: dict[int, int] = field(default_factory=dict)

    @property
    def class_index(self) -> int:
        """Index of its most frequent class, see `most_frequent_class`."""
        return most_frequent_class(self.classes)


@dataclass(slots=True)
class ZoneCounterState:
    """The state of a `ZoneCounter`.

    Attributes:
        counts: Counts of each zone.
        tracks: The tracks by id, in the order in which they were last seen.
        latest: Time of the latest frame, in seconds; negative before the first one.
    """

    counts: dict[str, ZoneCounts]
    tracks: dict[int, ZoneTrack] = field(default_factory=dict)
    latest: float = -1.0


class ZoneCounter:
    """Counts the vehicles of one stream in zones.

    A vehicle's position is the anchor of its box, see `Place`. A vehicle has entered or
    left a zone when it is inside or outside by more than the jitter of its box; one that is first
    seen inside enters immediately. Its first and last frames inside give the times of the events. A
    vehicle that is not seen for five seconds is lost, except at the first frame after the one that
    showed it: frames may be farther apart. Also lost are all vehicles at the end of an epoch, and
    the one not seen for longest when there are more than 1,024. A lost vehicle that is seen inside
    again enters again.

    Args:
        zones: The zones by name.
        state: State of an earlier counter to continue from.
        stay_seconds: Length of a stay at which it gets the event ``"stay"``, by name of the zone;
            there is no such event in other zones.
        anchor: Point of a box that is its vehicle's position.

    Raises:
        ValueError: A zone is invalid, see `checked_zone`; the message names it.
    """

    def __init__(
        self,
        zones: Mapping[str, Zone],
        state: ZoneCounterState | None = None,
        stay_seconds: Mapping[str, float] = _NO_LIMITS,
        anchor: Anchor = "bottom_center",
    ) -> None:
        self.state = state or ZoneCounterState(dict.fromkeys(zones, ZoneCounts()))
        found = checked("zone", zones, checked_zone)
        self._zones = {name: np.array(zone) for name, zone in found.items()}
        self._limits = [stay_seconds.get(name, inf) - SECONDS_ERROR for name in found]
        self._anchor: Anchor = anchor

    @property
    def counts(self) -> dict[str, ZoneCounts]:
        """Counts of each zone."""
        return self.state.counts

    def update(self, tracks: Tracks, number: int, time: str) -> list[ZoneEvent]:
        """Adds the tracks of one frame; returns the events that it confirms.

        Args:
            tracks: The tracks.
            number: The frame's 1-based number.
            time: Its time, see `time_of`.
        """
        if not self._zones:
            return []
        # Not wall-clock time: a camera's clock may be set during the run.
        now, epoch = Moment(number, time, tracks.frame.seconds), tracks.frame.epoch
        seen = countable_places(tracks, self._anchor)
        points = np.array([place.point for place in seen]).reshape(-1, 2)
        depths = [_depths(points, corners).tolist() for corners in self._zones.values()]
        placed = [place.identity for place in seen]
        kept = self._keep(set(tracks.ids.tolist()).difference(placed), now, epoch)
        events = list(self._lose(now, epoch))
        known = self.state.tracks
        unplaced = [identity for identity in kept if identity in known]
        self.state.latest = now.seconds
        if tracks.frame.view:  # the frame's edge cuts them
            for identity in unplaced:
                events += self._stand(identity, now)
        for place, *depths_of_place in zip(seen, *depths, strict=True):
            events += self._move(place, depths_of_place, now, epoch)
        for k, name in enumerate(self._zones):
            stays = (known[identity].stays[k] for identity in (*placed, *unplaced))
            inside = sum(stay is not None and stay.counts for stay in stays)
            self.counts[name] = self.counts[name]._replace(inside=inside)
        return events

    def _keep(self, identities: Iterable[int], now: Moment, epoch: int) -> list[int]:
        """Keeps tracks without a position from getting lost; returns those that are known.

        They are in the frame, but its edge cuts them, or its view is not found.
        """
        known = self.state.tracks
        kept = [each for each in identities if each in known and known[each].epoch == epoch]
        for identity in kept:
            track = known[identity] = known.pop(identity)  # so that the latest ones come last
            track.seen = now.seconds
        return kept

    def _lose(self, now: Moment, epoch: int) -> Iterator[ZoneEvent]:
        """Forgets tracks that have not been seen for long; yields the ends of their stays."""
        known = self.state.tracks
        # Frames may be farther apart: a vehicle in the latest frame is not lost in this one.
        since = min(now.seconds - _LOST_SECONDS, self.state.latest)
        while known:
            identity, oldest = next(iter(known.items()))
            is_recent = oldest.epoch == epoch and oldest.seen >= since
            if is_recent and len(known) <= _REMEMBERED_TRACKS:
                return
            yield from self._end(identity, oldest, range(len(self._zones)), "lost")
            del known[identity]

    def _move(
        self, place: Place, depths: Sequence[float], now: Moment, epoch: int
    ) -> Iterator[ZoneEvent]:
        """Moves a track to a place, at ``depths`` in the zones; yields the events."""
        track = self.state.tracks.pop(place.identity, None)
        is_new = track is None
        if track is None:
            track = ZoneTrack(epoch, now.seconds, [None] * len(self._zones))
        self.state.tracks[place.identity] = track
        vote(track.classes, place.class_index)
        track.seen = now.seconds
        for k, (name, depth) in enumerate(zip(self._zones, depths, strict=True)):
            stay = track.stays[k]
            if depth >= 0:  # on the border, too
                if stay is None:
                    stay = track.stays[k] = Stay(now, now, counts=False)
                if not stay.counts and (is_new or depth > place.margin):
                    stay.counts = True
                    counts = self.counts[name]
                    self.counts[name] = counts._replace(entered=counts.entered + 1)
                    yield _event(stay, place.identity, track, name, "enter")
                yield from self._extend(stay, place.identity, track, k, now)
            elif stay is not None and not stay.counts:
                track.stays[k] = None
            elif -depth > place.margin:
                yield from self._end(place.identity, track, (k,), "leave")

    def _stand(self, identity: int, now: Moment) -> Iterator[ZoneEvent]:
        """Leaves a track where it was last; yields the events."""
        track = self.state.tracks[identity]
        for k, stay in enumerate(track.stays):
            if stay is not None and stay.counts:
                yield from self._extend(stay, identity, track, k, now)

    def _extend(
        self, stay: Stay, identity: int, track: ZoneTrack, k: int, now: Moment
    ) -> Iterator[ZoneEvent]:
        """Extends the stay of a track in zone ``k`` until now; yields ``"stay"`` if it is due."""
        stay.last = now
        lasted = now.seconds - stay.first.seconds
        if stay.counts and not stay.is_long and lasted >= self._limits[k]:
            stay.is_long = True
            yield _event(stay, identity, track, list(self._zones)[k], "stay")

    def _end(
        self, identity: int, track: ZoneTrack, which: Sequence[int], kind: ZoneEventKind
    ) -> Iterator[ZoneEvent]:
        """Ends the stays of a track in some of the zones; yields the events."""
        for k in which:
            stay, track.stays[k] = track.stays[k], None
            if stay is not None and stay.counts:
                yield _event(stay, identity, track, list(self._zones)[k], kind)


def _event(
    stay: Stay, identity: int, track: ZoneTrack, zone: str, kind: ZoneEventKind
) -> ZoneEvent:
    when = stay.first if kind == "enter" else stay.last
    seconds = when.seconds - stay.first.seconds
    return ZoneEvent(when.number, when.time, identity, track.class_index, zone, kind, seconds)


def checked_zone(zone: Any) -> Zone:
    """Returns the corners of a zone.

    Raises:
        ValueError: There are fewer than three points, one is not finite, they enclose no area, or
            the edges cross.
    """
    corners = numbers(zone)
    if corners.ndim != 2 or corners.shape[1] != 2 or not (_area(corners) or _cross(corners)):
        raise ValueError("a zone is [[x, y], [x, y], [x, y], …], corners that enclose an area")
    if _cross(corners):
        raise ValueError("the edges of a zone do not cross: its corners come in order around it")
    return tuple((x, y) for x, y in corners.tolist())


def zone_faults(zones: Mapping[str, Zone], height: int, width: int) -> Iterator[str]:
    """Yields a message for each zone that is too small, or outside frames of this size."""
    for name, zone in zones.items():
        corners = np.array(zone)
        (left, top), (right, bottom) = corners.min(axis=0), corners.max(axis=0)
        if (area := _area(corners)) < _MIN_AREA:
            yield f"zone {name!r} has {area:.1f} pixels; its corners are in pixels of the frame"
        elif left > width or top > height or right < 0 or bottom < 0:
            yield f"zone {name!r} lies outside the frame of {width}x{height}: nothing will enter it"


def zone_rows(events: Sequence[ZoneEvent], class_names: Sequence[str]) -> str:
    """Returns rows ``frame,time,id,class,zone,event,seconds``, each ended by a newline."""
    names = dict(enumerate(class_names))
    return "".join(
        f"{number},{time},{identity},{names.get(index, '')},{zone},{kind},{seconds:.3f}\n"
        for number, time, identity, index, zone, kind, seconds in events
    )


def _depths(points: Float64Array, corners: Float64Array) -> Float64Array:
    """Returns how far inside a polygon points ``(N, 2)`` are: ``(N,)`` pixels, negative outside."""
    edges = np.roll(corners, -1, axis=0) - corners
    offsets = points[:, None] - corners  # (N, M, 2), from each corner to each point
    along = (offsets * edges).sum(axis=2) / np.maximum((edges**2).sum(axis=1), np.finfo(float).tiny)
    nearest = offsets - along.clip(0, 1)[..., None] * edges
    distances = np.sqrt((nearest**2).sum(axis=2).min(axis=1))
    # A ray to the right from a point inside crosses an odd number of edges.
    (x, y), (dx, dy) = np.moveaxis(offsets, 2, 0), edges.T
    spans = (y >= 0) != (y >= dy)
    on_the_right = np.where(dy > 0, x * dy < y * dx, x * dy > y * dx)
    inside = np.count_nonzero(spans & on_the_right, axis=1) % 2 == 1
    return np.where(inside, distances, -distances)


def _cross(corners: Float64Array) -> bool:
    """Returns whether any two edges of the polygon cross; edges that only touch do not."""
    ends = np.roll(corners, -1, axis=0)
    # The side of each edge on which each start and end point lies.
    a, b = (_sides(corners, ends, points) for points in (corners, ends))
    apart = a * b < 0  # [n, m]: whether the ends of edge m lie on different sides of edge n
    return bool((apart & apart.T).any())


def _sides(starts: Float64Array, ends: Float64Array, points: Float64Array) -> Float64Array:
    """Returns ``(N, M)``: 1 if point m is right of segment n, -1 if left of it, 0 if on it."""
    (dx, dy), (x, y) = (ends - starts).T[..., None], np.moveaxis(points - starts[:, None], 2, 0)
    return np.sign(dx * y - dy * x)


def _area(corners: Float64Array) -> float:
    x, y = (corners - corners[0]).T  # relative to a corner, to keep precision
    return float(abs(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1))) / 2)
