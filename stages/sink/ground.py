"""Vehicles on the ground: where they are in metres, and how fast."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from statistics import fmean
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from stages.records import SECONDS_ERROR, Float64Array, Tracks
from stages.sink.places import numbers, places

GroundPoints: TypeAlias = tuple[tuple[float, float, float, float], ...]
"""Points of the ground: x and y in pixels of the frame, x and y in metres on the ground."""

_FORM = "the ground is [[x, y, metres x, metres y], …], four points of it or more"
_LEAST_RANK = 2e-3  # of singular values: 3.5 m by 300 m of road have 0.008, three on a line near 0
_MOST_CONTRADICTION = 0.02  # of the points' extent in the picture
_LEAST_EXTENT = 2.0  # metres; less is no road, but degrees perhaps
_WINDOW_SECONDS = 1.0 + SECONDS_ERROR
_LEAST_SECONDS = 0.5 - SECONDS_ERROR
_COARSEST = 1.0  # metres of ground below a pixel
_KMH = 3.6  # per m/s


class GroundPlace(NamedTuple):
    """Where a vehicle is on the ground.

    Attributes:
        identity: Its track's id.
        x: Metres, by the axes of the `GroundPoints`.
        y: Likewise.
        speed: Mean of the last second in km/h; None while less than half a second is known.
    """

    identity: int
    x: float
    y: float
    speed: float | None


@dataclass(frozen=True, slots=True)
class GroundPlaces:
    """Where the vehicles of a frame are on the ground.

    Attributes:
        stream: Name of the stream.
        number: The frame's 1-based number.
        time: Its time, see `time_of`.
        places: One for each vehicle whose place is known, sorted by id.
    """

    stream: str
    number: int
    time: str
    places: tuple[GroundPlace, ...]


class GroundPlane:
    """The map from a frame's pixels to metres on level ground, a homography.

    Args:
        points: What is known of it; of more than four points, the best compromise.

    Raises:
        ValueError: They determine no plane that the camera could see, or contradict each other; or
            the metres cannot be metres.
    """

    def __init__(self, points: GroundPoints) -> None:
        known = _known(points)
        pixels, metres = known[:, :2], known[:, 2:]
        if (extent := float(np.ptp(metres, axis=0).max())) < _LEAST_EXTENT:
            raise ValueError(f"all points lie within {extent:g} m; they are given in metres")
        self._matrix = np.linalg.inv(_homography(metres, pixels))
        _check_agreement(known)
        # Of all points in front of the camera, the third coordinate has one sign.
        depths = np.column_stack([pixels, np.ones(len(pixels))]) @ self._matrix[2]
        self._matrix *= np.sign(depths[0])
        if not (depths * depths[0] > 0).all():
            raise ValueError("no camera can see the points like this; are both in the same order?")
        if np.isnan(self.to_ground(pixels)).all():
            raise ValueError("a pixel covers more than a metre at every point; are these metres?")

    def to_ground(self, pixels: Float64Array) -> Float64Array:
        """Maps pixels ``(N, 2)`` to metres ``(N, 2)``; NaN above the horizon and near it.

        Near it means that a pixel is worth more than a metre of ground.
        """
        metres = self._project(pixels)
        above, beside = self._project(pixels - (0, 1)), self._project(pixels - (1, 0))
        worth = np.maximum(*(np.linalg.norm(each - metres, axis=1) for each in (above, beside)))
        metres[~(worth <= _COARSEST)] = np.nan
        return metres

    def _project(self, pixels: Float64Array) -> Float64Array:
        found = np.column_stack([pixels, np.ones(len(pixels))]) @ self._matrix.T
        found[found[:, 2] <= 0] = np.nan
        return found[:, :2] / found[:, 2:]


@dataclass(slots=True)
class GroundTrack:
    """A track's places in the last second.

    Attributes:
        epoch: The epoch of the stream in which it was seen.
        seconds: When, within the epoch.
        places: Where, in metres.
    """

    epoch: int
    seconds: list[float] = field(default_factory=list)
    places: list[tuple[float, float]] = field(default_factory=list)

    def add(self, seconds: float, place: tuple[float, float]) -> None:
        """Adds a place, and forgets those of more than a second before."""
        self.seconds.append(seconds)
        self.places.append(place)
        while self.seconds[0] < seconds - _WINDOW_SECONDS:
            del self.seconds[0], self.places[0]

    @property
    def speed(self) -> float | None:
        """See `GroundPlace`: the slope of the line that fits the places best."""
        if self.seconds[-1] - self.seconds[0] < _LEAST_SECONDS:
            return None
        middle = fmean(self.seconds)
        weights = [seconds - middle for seconds in self.seconds]
        slopes = (
            sum(weight * value for weight, value in zip(weights, values, strict=True))
            for values in zip(*self.places, strict=True)
        )
        spread = sum(weight**2 for weight in weights)
        return _KMH * sum(slope**2 for slope in slopes) ** 0.5 / spread


class SpeedMeter:
    """Finds where the vehicles of one stream are on the ground, and how fast.

    A vehicle is where the middle of its box's lower edge is. One whose box the frame's edge may cut
    has no place, see `Place.is_cut`. It begins anew, because a box that the edge cuts ends farther
    from it now and then, and would slow the vehicle for the second after.

    Args:
        points: Points of the ground; None for no places.
        tracks: Those of an earlier meter by id, which this one continues.

    Attributes:
        tracks: The tracks of the last second by id.
        places: Where the vehicles of the latest frame are, sorted by id.
    """

    def __init__(
        self, points: GroundPoints | None, tracks: dict[int, GroundTrack] | None = None
    ) -> None:
        self._plane = None if points is None else GroundPlane(points)
        self.tracks = {} if tracks is None else tracks
        self.places: tuple[GroundPlace, ...] = ()

    @property
    def speeds(self) -> Mapping[int, float]:
        """Speeds in the latest frame, in km/h by the track's id."""
        return {each.identity: each.speed for each in self.places if each.speed is not None}

    def update(self, tracks: Tracks) -> None:
        """Takes in the tracks of one frame."""
        if self._plane is None:
            return
        seconds, epoch = tracks.frame.seconds, tracks.frame.epoch
        found: list[GroundPlace] = []
        seen = sorted(places(tracks), key=lambda each: each.identity)
        metres = self._plane.to_ground(np.array([each.point for each in seen]).reshape(-1, 2))
        for (identity, *_, is_cut), (x, y) in zip(seen, metres.tolist(), strict=True):
            if is_cut:
                self.tracks.pop(identity, None)
            if is_cut or math.isnan(x):
                continue
            track = self.tracks.get(identity)
            if track is None or track.epoch != epoch:
                track = self.tracks[identity] = GroundTrack(epoch)
            track.add(seconds, (x, y))
            found.append(GroundPlace(identity, x, y, track.speed))
        self.places = tuple(found)
        for identity, track in list(self.tracks.items()):
            if track.epoch != epoch or track.seconds[-1] < seconds - _WINDOW_SECONDS:
                del self.tracks[identity]


def ground_rows(found: GroundPlaces) -> str:
    """Rows ``frame,id,x,y,speed``, each ended by a newline; a speed that is not known is empty."""
    return "".join(
        f"{found.number},{identity},{x:z.2f},{y:z.2f},{'' if speed is None else f'{speed:.1f}'}\n"
        for identity, x, y, speed in found.places
    )


def checked_ground(points: Any) -> GroundPoints:
    """Returns points of the ground.

    Raises:
        ValueError: They are not four or more, not finite, or give no `GroundPlane`.
    """
    known = _known(points)
    checked = tuple((x, y, east, north) for x, y, east, north in known.tolist())
    GroundPlane(checked)
    return checked


def ground_faults(points: GroundPoints | None, height: int, width: int) -> Iterator[str]:
    """Yields a message if a point of the ground lies outside frames of this size."""
    outside = [[x, y] for x, y, *_ in points or () if not (0 <= x <= width and 0 <= y <= height)]
    if outside:
        x, y = outside[0]
        yield (
            f"ground: [{x:g}, {y:g}] lies outside the frame of {width}x{height}; "
            f"the first two numbers of a point are in pixels of the frame"
        )


def _known(points: Any) -> Float64Array:
    known = numbers(points)
    if known.ndim != 2 or len(known) < 4 or known.shape[1] != 4 or not np.isfinite(known).all():
        raise ValueError(_FORM)
    return known


def _check_agreement(known: Float64Array) -> None:
    """Checks that the points of a plane agree in the picture.

    Raises:
        ValueError: They contradict each other. Which of six or more is wrong, the others tell.
    """
    if _contradiction(known) <= _MOST_CONTRADICTION:
        return
    told = "the points contradict each other"
    if len(known) > 5:
        rests = [np.delete(known, k, axis=0) for k in range(len(known))]
        wrong = min(range(len(known)), key=lambda k: _contradiction(rests[k]))
        x, y, *_ = known[wrong].tolist()
        told += f"; they agree best without [{x:g}, {y:g}]"
    raise ValueError(told)


def _contradiction(known: Float64Array) -> float:
    """How far a point is at most from where all together put it, as a share of their extent."""
    pixels, metres = known[:, :2], known[:, 2:]
    try:
        found = np.column_stack([metres, np.ones(len(metres))]) @ _homography(metres, pixels).T
    except ValueError:
        return math.inf
    errors = np.linalg.norm(found[:, :2] / found[:, 2:] - pixels, axis=1)
    return float(errors.max() / np.linalg.norm(np.ptp(pixels, axis=0)))


def _homography(points: Float64Array, goals: Float64Array) -> Float64Array:
    """The ``(3, 3)`` map that fits best, by the normalized DLT (Hartley and Zisserman, 4.1).

    Raises:
        ValueError: There are several, or none.
    """
    normal, to_normal = _normalized(points)
    normal_goals, to_goals = _normalized(goals)
    ones = np.column_stack([normal, np.ones(len(normal))])
    zeros = np.zeros_like(ones)
    rows = np.concatenate(
        [
            np.hstack([ones, zeros, -normal_goals[:, :1] * ones]),
            np.hstack([zeros, ones, -normal_goals[:, 1:] * ones]),
        ]
    )
    _, values, basis = np.linalg.svd(rows)
    matrix = basis[8].reshape(3, 3)
    is_unique = values[7] > _LEAST_RANK * values[0]
    if not is_unique or np.linalg.svd(matrix, compute_uv=False)[2] < _LEAST_RANK:
        raise ValueError("four points of the ground must be such that no three lie on a line")
    return np.asarray(np.linalg.inv(to_goals) @ matrix @ to_normal, np.float64)


def _normalized(points: Float64Array) -> tuple[Float64Array, Float64Array]:
    """Points around zero, of size 1, and the ``(3, 3)`` map that makes them so."""
    middle = points.mean(axis=0)
    size = float(np.abs(points - middle).max()) or 1.0
    to_normal = np.array([[1, 0, -middle[0]], [0, 1, -middle[1]], [0, 0, size]]) / size
    return (points - middle) / size, to_normal
