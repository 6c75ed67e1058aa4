"""Positions of the vehicles in a frame, for the lines and zones that count them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from math import isfinite
from typing import Literal, NamedTuple, TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt

from stages.records import Float64Array, Tracks
from stages.views import to_picture

Point: TypeAlias = tuple[float, float]
"""x and y in pixels of the frame, or of the picture to which its `View` maps it."""

Anchor: TypeAlias = Literal["bottom_center", "center"]
"""The point of a vehicle's box that is its position: where it stands for a camera that looks along
the road, and the point that does not depend on the direction for one that looks straight down."""

_MAX_NUMBER = 1e9  # larger ones overflow in products

JITTER = 0.1
"""The assumed jitter of a box, as a share of its size, which is the root of its area."""

_Drawn = TypeVar("_Drawn")


class Place(NamedTuple):
    """A vehicle's position in the image.

    Attributes:
        identity: Its track's id.
        class_index: Index of its class.
        point: The `Anchor` of its box.
        margin: The assumed jitter of the box in pixels, as those of ``point``: a tenth of the root
            of its area. A vehicle that is nearer than this to a border may be on either side.
        is_cut: Whether the box ends within the margin of an edge of the frame that may cut it and
            so move the point; only for the center of the box, the top edge does.
    """

    identity: int
    class_index: int
    point: Point
    margin: float
    is_cut: bool


def places(tracks: Tracks, anchor: Anchor = "bottom_center") -> list[Place]:
    """Returns the positions of a frame's vehicles, except those whose boxes are not finite.

    If the frame has a `View`, they are on the picture, except those that it does not map there.
    """
    is_center = anchor == "center"
    finite = np.isfinite(tracks.boxes).all(axis=1)
    boxes = tracks.boxes[finite]
    ids, classes = tracks.ids[finite].tolist(), tracks.classes[finite].tolist()
    xs = boxes[:, [0, 2]].mean(axis=1).tolist()
    ys = (boxes[:, [1, 3]].mean(axis=1) if is_center else boxes[:, 3]).tolist()
    # Without `trackers`, which needs SciPy: subscribers that only read crossings may lack it.
    margins = JITTER * np.sqrt((boxes[:, 2:] - boxes[:, :2]).prod(axis=1))
    # The size of frames is 0 where it is unknown: no right or bottom edge then cuts a box.
    width, height = tracks.frame.width or np.inf, tracks.frame.height or np.inf
    before = boxes[:, :2] if is_center else boxes[:, :1]
    spaces = np.hstack([before, np.subtract((width, height), boxes[:, 2:])]).min(axis=1)
    cut = (spaces <= margins).tolist()
    points: Iterable[Point] = zip(xs, ys, strict=True)
    view = tracks.frame.view
    if view is not None:
        found, scales = to_picture(view, np.array([xs, ys]).T)
        points, margins = map(tuple, found.tolist()), margins * scales
    columns = zip(ids, classes, points, margins.tolist(), cut, strict=True)
    return [place for place in map(Place._make, columns) if isfinite(place.margin)]


def countable_places(tracks: Tracks, anchor: Anchor) -> list[Place]:
    """Returns the positions of vehicles that lines and zones may count.

    With a `View`, vehicles that the edge of the frame may cut are left out: where the edge moves
    over a standing vehicle, its position moves with it.
    """
    is_moving = tracks.frame.view is not None
    return [place for place in places(tracks, anchor) if not (is_moving and place.is_cut)]


def vote(votes: dict[int, int], latest: int) -> None:
    """Adds the class of a vehicle's latest box to its ``votes``, the number of boxes of each class.

    The latest class becomes the last key, see `most_frequent_class`.
    """
    votes[latest] = votes.pop(latest, 0) + 1


def most_frequent_class(votes: dict[int, int]) -> int:
    """Returns the class of most of a vehicle's boxes, the latest if tied; needs at least one."""
    return max(reversed(votes), key=votes.__getitem__)


def numbers(value: npt.ArrayLike) -> Float64Array:
    """Returns a value as an array; an empty array if it has anything but numbers up to 1e9."""
    if _has_switch(value):
        return np.empty(0)
    try:
        found = np.asarray(value, np.float64)
    except (OverflowError, TypeError, ValueError):
        return np.empty(0)
    return found if (abs(found) <= _MAX_NUMBER).all() else np.empty(0)


def _has_switch(value: object) -> bool:
    """Returns whether a boolean, such as YAML's ``yes``, is in lists within lists."""
    if isinstance(value, list | tuple):
        return any(map(_has_switch, value))
    return isinstance(value, bool)


def checked(
    kind: str, drawn: Mapping[str, _Drawn], check: Callable[[_Drawn], _Drawn]
) -> dict[str, _Drawn]:
    """Applies ``check`` to lines or zones by name, and returns the results by name.

    Raises:
        ValueError: ``check`` rejects one; the message names the line or zone.
    """
    found = {}
    for name, each in drawn.items():
        try:
            found[name] = check(each)
        except ValueError as error:
            raise ValueError(f"{kind} {name!r}: {error}, got {each}") from None
    return found
