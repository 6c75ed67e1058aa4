"""Where the vehicles of a stream were, and in which direction they drove."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from math import hypot

import numpy as np

from stages.records import BoolArray, Float64Array, Tracks
from stages.sink.places import JITTER, Anchor, places

_BATCH = 65_536  # boxes; bounds memory, however many days there are
_REMEMBERED = 10_000  # vehicles; only few of them are in a frame
_STEP = 0.25  # of a vehicle's size: far enough to have a direction
_SHORTEST = 4.0  # pixels


class Traffic:
    """Sums over all vehicles of a stream, for each pixel of its frames, or of its picture.

    A vehicle's position is the anchor of its box. Boxes that an edge of the frame may cut, so that
    the positions of their vehicles are unknown, are left out, see `Place.is_cut`.

    Args:
        width: Width of the frames, or of the picture, in pixels.
        height: Their height in pixels.

    Attributes:
        boxes: Number of boxes added, including cut ones.
        stay: ``(H, W)``, number of frames in which a vehicle was at the pixel.
        drive: ``(H, W, 2)``, sum of the vehicles' displacements at the pixel, x and y in pixels.
    """

    def __init__(self, width: int, height: int) -> None:
        self.boxes = 0
        self.stay = np.zeros((height, width))
        self.drive = np.zeros((height, width, 2))

    def add(
        self,
        tracks: Iterable[tuple[int, float, float, float, float]],
        anchor: Anchor = "bottom_center",
    ) -> None:
        """Adds the boxes of one run, in the order of their frames.

        Args:
            tracks: The vehicle's id, left, top, width and height in pixels of each box.
            anchor: Point of a box that is its vehicle's position.
        """
        tracks = iter(tracks)
        paths = _Paths()
        height, width = self.stay.shape
        while batch := [*islice(tracks, _BATCH)]:
            self.boxes += len(batch)
            rows = np.array(batch)
            ids, left, top, wide, high = rows[np.isfinite(rows).all(axis=1)].T
            down = high / 2 if anchor == "center" else high
            positions = np.column_stack([left + wide / 2, top + down])
            size = np.sqrt(np.maximum(wide * high, 0))
            spaces = [left, width - left - wide, height - top - high]
            space = np.minimum.reduce([*spaces, top] if anchor == "center" else spaces)
            self._add(paths, ids, positions, size, space > JITTER * size)

    def add_frames(self, frames: Iterable[Tracks], anchor: Anchor = "bottom_center") -> None:
        """Adds the frames of one run, in order, in the pixels of the picture of their views.

        Vehicles in frames whose view is unknown, and those beyond the picture, are left out.

        Args:
            frames: The tracks of each frame.
            anchor: Point of a box that is its vehicle's position.
        """
        rows = self._rows(frames, anchor)
        paths = _Paths()
        while batch := [*islice(rows, _BATCH)]:
            ids, x, y, size, is_cut = np.array(batch, np.float64).T
            self._add(paths, ids, np.column_stack([x, y]), size, is_cut == 0)

    def _rows(self, frames: Iterable[Tracks], anchor: Anchor) -> Iterator[tuple[float, ...]]:
        for tracks in frames:
            self.boxes += len(tracks.ids)
            for place in places(tracks, anchor):
                size = place.margin / JITTER  # in pixels of the picture, as the margin
                yield place.identity, *place.point, size, place.is_cut

    def _add(
        self,
        paths: _Paths,
        ids: Float64Array,
        positions: Float64Array,
        size: Float64Array,
        is_whole: BoolArray,
    ) -> None:
        height, width = self.stay.shape
        known = is_whole & ((positions >= 0) & (positions < (width, height))).all(axis=1)
        x, y = positions[known].astype(int).T
        np.add.at(self.stay, (y, x), 1)
        self._add_steps(paths.steps(ids, positions, size, known))

    def _add_steps(self, steps: Float64Array) -> None:
        """Adds straight steps, ``(N, 4)`` from x, y to x, y, to the pixels along them."""
        start, displacement = steps[:, :2], steps[:, 2:] - steps[:, :2]
        pixels = np.ceil(np.abs(displacement).max(axis=1, initial=1)).astype(int)
        step = np.repeat(np.arange(len(steps)), pixels)  # index of each pixel's step
        along = (np.arange(len(step)) - (pixels.cumsum() - pixels)[step]) / pixels[step]
        x, y = (start[step] + along[:, None] * displacement[step]).astype(int).T
        np.add.at(self.drive, (y, x), (displacement / pixels[:, None])[step])


class _Paths:
    """Splits vehicles' paths into straight steps, each long enough to have a direction."""

    def __init__(self) -> None:
        self._starts: dict[float, tuple[float, float]] = {}  # of the next steps, by vehicle

    def steps(
        self, ids: Float64Array, positions: Float64Array, size: Float64Array, known: BoolArray
    ) -> Float64Array:
        """Returns the steps that end at the next boxes, ``(N, 4)`` from x, y to x, y."""
        shortest = np.maximum(_SHORTEST, _STEP * size)
        found = []
        columns = (column.tolist() for column in (ids, *positions.T, shortest, known))
        for identity, x, y, far, is_known in zip(*columns, strict=True):
            if not is_known:
                self._starts.pop(identity, None)
                continue
            start = self._starts.get(identity)
            if start is None:
                self._starts[identity] = x, y
            elif hypot(x - start[0], y - start[1]) >= far:
                found.append((*start, x, y))
                del self._starts[identity]  # so that the most recent vehicles come last
                self._starts[identity] = x, y
        for identity in [*islice(self._starts, max(0, len(self._starts) - _REMEMBERED))]:
            del self._starts[identity]
        return np.array(found, np.float64).reshape(-1, 4)
