"""Positions of vehicles on the ground in metres, and their speeds."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from statistics import fmean
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from stages.measurements import GroundPlace, GroundPlaces
from stages.records import SECONDS_ERROR, Float64Array, Tracks
from stages.sink.lens import Lens, LensEdges, checked_edges, lens_faults
from stages.sink.places import Anchor, numbers, places

GroundPoints: TypeAlias = tuple[tuple[float, float, float, float], ...]
"""Ground points, each with x and y in pixels of the frame, or of the picture to which its `View`
maps it, and x and y in metres on the ground."""

_FORM = (
    "the ground is [[x, y, metres x, metres y], …], four points of it or more, "
    "or {points: [[…], …], lens: {…}}"
)
_MIN_RANK = 2e-3  # ratio of singular values: 0.008 for 3.5 m by 300 m of road, near 0 if collinear
_MAX_REPROJECTION_ERROR = 0.02  # of the points' extent in the image
_MIN_EXTENT = 2.0  # metres; less cannot be a road, and may be degrees
_WINDOW_SECONDS = 1.0 + SECONDS_ERROR
_MIN_SECONDS = 0.5 - SECONDS_ERROR
_MAX_METRES_PER_PIXEL = 1.0
_KMH = 3.6  # per m/s


@dataclass(frozen=True, slots=True)
class Ground:
    """What is known of the ground that a camera sees.

    Attributes:
        points: The ground points.
        lens: Edges in its frames that are straight in reality; None if its lens bends no lines.
    """

    points: GroundPoints
    lens: LensEdges | None = None


class GroundPlane:
    """The map from pixels of a frame to metres on level ground: a lens, and a homography.

    Args:
        ground: Points to fit, with more than four the best compromise, and the lens.

    Raises:
        ValueError: The points determine no plane that the camera could see, or contradict each
            other; their coordinates cannot be metres; or the edges give no `Lens`.
    """

    def __init__(self, ground: Ground) -> None:
        self._lens = None if ground.lens is None else Lens(ground.lens)
        given = _known(ground.points)
        known = np.hstack([self._without_lens(given[:, :2]), given[:, 2:]])
        if (hidden := np.isnan(known).any(axis=1)).any():
            x, y, *_ = given[hidden][0].tolist()
            raise ValueError(f"the lens shows nothing at [{x:g}, {y:g}], far outside the frame")
        pixels, metres = known[:, :2], known[:, 2:]
        if (extent := float(np.ptp(metres, axis=0).max())) < _MIN_EXTENT:
            raise ValueError(f"all points lie within {extent:g} m; they are given in metres")
        self._matrix = np.linalg.inv(_homography(metres, pixels))
        _check_agreement(known, given)
        # The third coordinate has the same sign for all points in front of the camera.
        depths = np.column_stack([pixels, np.ones(len(pixels))]) @ self._matrix[2]
        self._matrix *= np.sign(depths[0])
        if not (depths * depths[0] > 0).all():
            raise ValueError(
                "no camera can see the points like this; are the pixels and the metres of each "
                "point those of the same place?"
            )
        if np.isnan(self.to_ground(given[:, :2])).all():
            raise ValueError("a pixel covers more than a metre at every point; are these metres?")

    def to_ground(self, pixels: Float64Array) -> Float64Array:
        """Maps pixels ``(N, 2)`` to metres ``(N, 2)``; NaN above the horizon and near it.

        A point is near the horizon if one pixel covers more than a metre of ground there.
        """
        places = (pixels, pixels - (0, 1), pixels - (1, 0))
        metres, above, beside = (
            _projected(self._without_lens(each), self._matrix) for each in places
        )
        spans = np.maximum(*(np.linalg.norm(each - metres, axis=1) for each in (above, beside)))
        metres[~(spans <= _MAX_METRES_PER_PIXEL)] = np.nan
        return metres

    def to_pixels(self, metres: Float64Array) -> Float64Array:
        """Maps metres ``(N, 2)`` to pixels ``(N, 2)``; NaN where `to_ground` has no position."""
        pixels = _projected(metres, np.linalg.inv(self._matrix))
        if self._lens is not None:
            pixels = self._lens.distorted(pixels)
        pixels[np.isnan(self.to_ground(pixels)).any(axis=1)] = np.nan
        return pixels

    def _without_lens(self, pixels: Float64Array) -> Float64Array:
        return pixels if self._lens is None else self._lens.undistorted(pixels)


def _projected(points: Float64Array, matrix: npt.NDArray[np.floating]) -> Float64Array:
    """Applies a homography to points ``(N, 2)``; NaN behind the camera."""
    found = np.column_stack([points, np.ones(len(points))]) @ matrix.T
    found[found[:, 2] <= 0] = np.nan
    return found[:, :2] / found[:, 2:]


@dataclass(slots=True)
class GroundTrack:
    """A track's positions in the last second.

    Attributes:
        epoch: The epoch of the stream in which it was seen.
        seconds: Time of each position within the epoch.
        places: The positions, in metres.
    """

    epoch: int
    seconds: list[float] = field(default_factory=list)
    places: list[tuple[float, float]] = field(default_factory=list)

    def add(self, seconds: float, place: tuple[float, float]) -> None:
        """Adds a position, and forgets those more than a second older."""
        self.seconds.append(seconds)
        self.places.append(place)
        while self.seconds[0] < seconds - _WINDOW_SECONDS:
            del self.seconds[0], self.places[0]

    @property
    def speed(self) -> float | None:
        """Slope of the line that best fits the positions, see `GroundPlace.speed`."""
        if self.seconds[-1] - self.seconds[0] < _MIN_SECONDS:
            return None
        mean = fmean(self.seconds)
        weights = [seconds - mean for seconds in self.seconds]
        slopes = (
            sum(weight * value for weight, value in zip(weights, values, strict=True))
            for values in zip(*self.places, strict=True)
        )
        spread = sum(weight**2 for weight in weights)
        return _KMH * sum(slope**2 for slope in slopes) ** 0.5 / spread


class SpeedMeter:
    """Finds the positions and speeds on the ground of one stream's vehicles.

    A vehicle's position is the anchor of its box, see `Place`. It has no position while the frame's
    edge may cut its box, see `Place.is_cut`. Its track then starts again: now and then a
    cut box ends farther from the edge, which would lower the speed for the next second.

    Args:
        ground: The ground; None for no positions.
        tracks: Tracks of an earlier meter by id, to continue from.
        anchor: Point of a box that is its vehicle's position.

    Attributes:
        tracks: The tracks of the last second by id.
        places: Positions of the vehicles in the latest frame, sorted by id.
    """

    def __init__(
        self,
        ground: Ground | None,
        tracks: dict[int, GroundTrack] | None = None,
        anchor: Anchor = "bottom_center",
    ) -> None:
        self._plane = None if ground is None else GroundPlane(ground)
        self.tracks = {} if tracks is None else tracks
        self.places: tuple[GroundPlace, ...] = ()
        self._anchor: Anchor = anchor

    @property
    def speeds(self) -> Mapping[int, float]:
        """Speeds in the latest frame in km/h, by track id."""
        return {each.identity: each.speed for each in self.places if each.speed is not None}

    def update(self, tracks: Tracks) -> None:
        """Adds the tracks of one frame."""
        if self._plane is None:
            return
        seconds, epoch = tracks.frame.seconds, tracks.frame.epoch
        found: list[GroundPlace] = []
        seen = sorted(places(tracks, self._anchor), key=lambda each: each.identity)
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
    """Returns rows ``frame,id,x,y,speed``, each ended by a newline; unknown speeds are empty."""
    return "".join(
        f"{found.number},{identity},{x:z.2f},{y:z.2f},{'' if speed is None else f'{speed:.1f}'}\n"
        for identity, x, y, speed in found.places
    )


def checked_ground(given: Any) -> Ground:
    """Returns a ground that is given as its points, or by the names of its attributes.

    Raises:
        ValueError: There are fewer than four points, one is not finite, or they give no
            `GroundPlane`; or the edges of the lens are wrong, see `checked_edges`.
    """
    parts = given if isinstance(given, Mapping) else {"points": given}
    if "points" not in parts or parts.keys() - {"points", "lens"}:
        raise ValueError(_FORM)
    lens = parts.get("lens")
    points = tuple((x, y, east, north) for x, y, east, north in _known(parts["points"]).tolist())
    checked = Ground(points, None if lens is None else checked_edges(lens))
    GroundPlane(checked)
    return checked


def ground_faults(ground: Ground | None, height: int, width: int) -> Iterator[str]:
    """Yields a message for a ground point outside frames of this size, and for another lens."""
    if ground is None:
        return
    yield from lens_faults(ground.lens, height, width)
    outside = [[x, y] for x, y, *_ in ground.points if not (0 <= x <= width and 0 <= y <= height)]
    if outside:
        x, y = outside[0]
        yield (
            f"ground: [{x:g}, {y:g}] lies outside the frame of {width}x{height}; "
            f"the first two numbers of a point are in pixels of the frame"
        )


def _known(points: Any) -> Float64Array:
    known = numbers(points)
    if known.ndim != 2 or len(known) < 4 or known.shape[1] != 4:
        raise ValueError(_FORM)
    return known


def _check_agreement(known: Float64Array, given: Float64Array) -> None:
    """Checks that the ground points are consistent in the image.

    Args:
        known: The points without the distortion of the lens.
        given: The points as they were given.

    Raises:
        ValueError: They contradict each other. With six points or more, the message names the one
            without which the others agree best.
    """
    if _reprojection_error(known) <= _MAX_REPROJECTION_ERROR:
        return
    message = "the points contradict each other"
    if len(known) > 5:
        rests = [np.delete(known, k, axis=0) for k in range(len(known))]
        wrong = min(range(len(known)), key=lambda k: _reprojection_error(rests[k]))
        x, y, *_ = given[wrong].tolist()
        message += f"; they agree best without [{x:g}, {y:g}]"
    raise ValueError(message)


def _reprojection_error(known: Float64Array) -> float:
    """Returns the largest reprojection error of a point, as a share of the points' extent."""
    pixels, metres = known[:, :2], known[:, 2:]
    try:
        found = np.column_stack([metres, np.ones(len(metres))]) @ _homography(metres, pixels).T
    except ValueError:
        return math.inf
    errors = np.linalg.norm(found[:, :2] / found[:, 2:] - pixels, axis=1)
    return float(errors.max() / np.linalg.norm(np.ptp(pixels, axis=0)))


def _homography(points: Float64Array, targets: Float64Array) -> Float64Array:
    """Returns the best ``(3, 3)`` map, by the normalized DLT (Hartley and Zisserman, 4.1).

    Raises:
        ValueError: The map is not unique, or is singular.
    """
    normal, to_normal = _normalized(points)
    normal_targets, to_targets = _normalized(targets)
    ones = np.column_stack([normal, np.ones(len(normal))])
    zeros = np.zeros_like(ones)
    rows = np.concatenate(
        [
            np.hstack([ones, zeros, -normal_targets[:, :1] * ones]),
            np.hstack([zeros, ones, -normal_targets[:, 1:] * ones]),
        ]
    )
    _, values, basis = np.linalg.svd(rows)
    matrix = basis[8].reshape(3, 3)
    is_unique = values[7] > _MIN_RANK * values[0]
    if not is_unique or np.linalg.svd(matrix, compute_uv=False)[2] < _MIN_RANK:
        raise ValueError("four points of the ground must be such that no three lie on a line")
    return np.asarray(np.linalg.inv(to_targets) @ matrix @ to_normal, np.float64)


def _normalized(points: Float64Array) -> tuple[Float64Array, Float64Array]:
    """Returns the points centred at zero with size 1, and the ``(3, 3)`` map that does that."""
    center = points.mean(axis=0)
    size = float(np.abs(points - center).max()) or 1.0
    to_normal = np.array([[1, 0, -center[0]], [0, 1, -center[1]], [0, 0, size]]) / size
    return (points - center) / size, to_normal
