"""Draws shapes of a config on a frame, between rulers."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from itertools import chain, pairwise

import cv2
import numpy as np
import numpy.typing as npt

from pipeline.geometry import Region
from stages.detector.searched_region import Crop
from stages.errors import ConfigError
from stages.records import Float64Array, UInt8Array
from stages.sink.crossings import Line
from stages.sink.drawing import Pixel
from stages.sink.ground import Ground, GroundPlane
from stages.sink.lens import Lens, LensEdges
from stages.sink.painter import within_reach
from stages.sink.zones import Zone
from tools.drawing.captions import Captions, Color
from tools.drawing.ground_grid import ground_grid
from tools.drawing.shapes import Shapes

WHITE: Color = (255, 255, 255)
LINE: Color = (0, 215, 255)
ZONE: Color = (120, 255, 80)
GROUND: Color = (255, 110, 255)
EDGE: Color = (0, 140, 255)
IGNORED: Color = (70, 70, 255)
SEARCHED: Color = (255, 220, 60)
_BLACK: Color = (0, 0, 0)

_STEPS = ((800, 50), (2400, 100))  # up to this longer side of the frame, a number every n pixels
_LARGE_STEP = 200
_MINOR_TICKS = 5  # per number
_ZONE_OPACITY = 0.15
_GRID_OPACITY = 0.65
_HATCH_OPACITY = 0.55
_SIDE_SHARES = (0.5, 0.4, 0.6, 0.25, 0.75)  # of a line's length, where its sides may be named
_SUBPIXEL_BITS = 4
_CURVE_POINTS = 33
_FAR = 32767.0  # beyond it, OpenCV cannot draw
_EVERYWHERE = slice(None), slice(None)


def draw_view(image: UInt8Array, shapes: Shapes, notify: Callable[[str], None]) -> None:
    """Draws shapes and the ticks of a ruler onto a frame.

    Args:
        image: The frame, ``(H, W, 3)`` uint8 BGR, modified in place.
        shapes: What to draw.
        notify: Called with one line if the region to search does not fit the frame, as in a run.
    """
    painter = _ViewPainter(image)
    painter.ruler()
    for name, line in shapes.lines.items():  # before other texts take their places
        painter.line_captions(name, line)
    try:
        painter.searched(shapes.searched)
    except ConfigError as error:
        notify(str(error))
    for region in shapes.ignored:
        painter.ignored(region)
    for name, zone in shapes.zones.items():
        painter.zone(name, zone)
    if shapes.ground is not None:
        painter.ground(shapes.ground)
    if shapes.edges is not None:
        painter.edges(shapes.edges)
    for line in shapes.lines.values():
        painter.line(line)
    painter.finish()


class _ViewPainter:
    """Draws shapes, each over those before it; the ruler and all texts come last."""

    def __init__(self, image: UInt8Array) -> None:
        self._image = image
        self._height, self._width = image.shape[:2]
        side = min(self._height, self._width)
        self._thickness = max(1, round(side / 540))
        self._captions = Captions(self._height, self._width)
        self._ticks: list[tuple[int, int, int, int]] = []

    def ruler(self) -> None:
        """Adds ticks along the borders, with the pixel's number at every fifth."""
        longer = max(self._height, self._width)
        step = next((step for limit, step in _STEPS if longer <= limit), _LARGE_STEP)
        tick, add = self._captions.height // 2, self._captions.add
        before = self._thickness // 2  # on each side, as OpenCV draws a line of even thickness, too
        far = self._captions.height / 2 + tick + self._thickness
        for number in range(step // _MINOR_TICKS, longer, step // _MINOR_TICKS):
            has_number = number % step == 0
            length = tick if has_number else tick // 2
            first, last = number - before, number + before + 1
            if number < self._width:
                for top in (0, self._height - length):
                    self._ticks.append((first, top, last, top + length))
                for y in (far, self._height - far) if has_number else ():
                    add(number + 0.5, y, f"{number}", WHITE, fixed=True)
            if number < self._height:
                for left in (0, self._width - length):
                    self._ticks.append((left, first, left + length, last))
                aside = self._captions.width_of(f"{number}") / 2 + tick + 2 * self._thickness + 1
                for x in (aside, self._width - aside) if has_number else ():
                    add(x, number + 0.5, f"{number}", WHITE, fixed=True)

    def searched(self, region: Region | None) -> None:
        """Dims what the detector does not search.

        Raises:
            ConfigError: The detector would refuse the region.
        """
        if region is None:
            return
        crop = Crop.of(region, self._height, self._width)
        inside = np.zeros((self._height, self._width), np.bool_)
        inside[crop.top : crop.bottom, crop.left : crop.right] = True
        self._image[~inside] //= 2
        low, high = (crop.left, crop.top), (crop.right - 1, crop.bottom - 1)
        self._outline(low, high, SEARCHED)
        text = "searched"
        x = crop.left + self._captions.width_of(text) / 2 + self._captions.height
        self._captions.add(x, crop.top + self._captions.height, text, SEARCHED)

    def ignored(self, region: Region) -> None:
        """Hatches a region where detections do not count."""
        (left, top), (right, bottom) = corners = within_reach(np.reshape(region, (2, 2)))
        left, top = max(0, left), max(0, top)
        right, bottom = min(self._width, right), min(self._height, bottom)
        if left >= right or top >= bottom:
            return
        rows, columns = np.arange(top, bottom), np.arange(left, right)
        striped = np.add.outer(rows, columns) % (12 * self._thickness) < 2 * self._thickness
        part = slice(top, bottom), slice(left, right)
        self._tint(striped.astype(np.uint8) * 255, IGNORED, _HATCH_OPACITY, part)
        low, high = corners
        self._outline(low, high, IGNORED)
        self._captions.add((left + right) / 2, (top + bottom) / 2, "ignored", IGNORED)

    def zone(self, name: str, zone: Zone) -> None:
        """Draws a zone with its name."""
        corners = within_reach(np.array(zone))
        inside = np.zeros((self._height, self._width), np.uint8)
        cv2.fillPoly(inside, [np.array(corners, np.int32)], 255)
        self._tint(inside, ZONE, _ZONE_OPACITY)
        self._stroke([*corners, corners[0]], ZONE)
        x, y = np.clip(corners, 0, (self._width, self._height)).mean(axis=0).tolist()
        self._captions.add(x, y, f" {name} ", ZONE)

    def line(self, line: Line) -> None:
        """Draws a line with an arrow at its second end."""
        self._stroke([*within_reach(np.reshape(line, (2, 2)))], LINE)
        if found := self._seen_part(line):
            (_, _), (x, y), (dx, dy) = found
            tip = 8 * self._thickness + 4
            wings = [
                (round(x - tip * (dx - k * dy)), round(y - tip * (dy + k * dx)))
                for k in (-0.5, 0.5)
            ]
            self._stroke([wings[0], (x, y), wings[1]], LINE)

    def line_captions(self, name: str, line: Line) -> None:
        """Adds a line's left and right beside its middle, and its name beyond its left."""
        if not (found := self._seen_part(line)):
            return
        (x1, y1), (x2, y2), (dx, dy) = found
        height, width_of = self._captions.height, self._captions.width_of
        for text, side in (("left", -1), ("right", 1)):
            away = side * (height / 2 + abs(dy) * width_of(text) / 2)
            for share in _SIDE_SHARES:  # elsewhere, it could be on the wrong side
                x, y = x1 + share * (x2 - x1) - away * dy, y1 + share * (y2 - y1) + away * dx
                if self._captions.add(x, y, text, LINE, fixed=True):
                    break
        # Beyond "left": at the first end, it would be at the second end of a neighbouring line.
        text = f" {name} "
        away = 3 * height / 2 + abs(dy) * (width_of("left") + width_of(text) / 2)
        x, y = (x1 + x2) / 2 + away * dy, (y1 + y2) / 2 - away * dx
        if not self._captions.add(x, y, text, LINE, fixed=True):
            aside = height / 2 + abs(dx) * width_of(text) / 2
            self._captions.add(x1 - aside * dx, y1 - aside * dy, text, LINE)

    def ground(self, ground: Ground) -> None:
        """Draws a grid on the ground, and the points with their order and metres."""
        grid = ground_grid(GroundPlane(ground), self._height, self._width, 10 * self._thickness)
        if grid is not None:
            self._curves(grid.lines, GROUND)
        radius = 2 * self._thickness + 1
        for order, (x, y, east, north) in enumerate(ground.points, 1):
            self._dot(x, y, radius, GROUND)
            below = self._captions.height / 2 + radius
            text = f" {order}: {east:.10g}, {north:.10g} m "
            self._captions.add(x, y + below, text, GROUND)
        if grid is not None:  # its place matters least
            text = f" grid of {grid.step} m "
            x, y = self._captions.width_of(text) / 2, self._height - 3 * self._captions.height
            self._captions.add(x + 3 * self._captions.height, y, text, GROUND)

    def edges(self, edges: LensEdges) -> None:
        """Draws the arcs that fit the straight edges of a lens, and the points of the edges."""
        lens = Lens(edges)
        self._curves([lens.curve(edge, _CURVE_POINTS) for edge in edges.straight], EDGE)
        for x, y in chain(*edges.straight):
            self._dot(x, y, self._thickness + 1, EDGE)

    def _dot(self, x: float, y: float, radius: int, color: Color) -> None:
        [center] = within_reach(np.array([[x, y]]))
        cv2.circle(self._image, center, radius + 1, _BLACK, -1, cv2.LINE_AA)
        cv2.circle(self._image, center, radius, color, -1, cv2.LINE_AA)

    def _curves(self, curves: Iterable[Float64Array], color: Color) -> None:
        """Mixes lines through points ``(N, 2)`` into the picture."""
        mask = np.zeros((self._height, self._width), np.uint8)
        for each in curves:
            cv2.polylines(
                mask,
                [_subpixels(each)],
                isClosed=False,
                color=255,
                thickness=self._thickness,
                lineType=cv2.LINE_AA,
                shift=_SUBPIXEL_BITS,
            )
        self._tint(mask, color, _GRID_OPACITY)

    def finish(self) -> None:
        """Draws the ruler and all texts."""
        for margin, color in ((1, _BLACK), (0, WHITE)):
            for left, top, right, bottom in self._ticks:
                self._image[
                    max(0, top - margin) : bottom + margin, max(0, left - margin) : right + margin
                ] = color
        self._captions.draw(self._image)

    def _seen_part(self, line: Line) -> tuple[Pixel, Pixel, tuple[float, float]] | None:
        """Returns the ends of a line's part inside the frame, and its direction; None if none."""
        start, end = within_reach(np.reshape(line, (2, 2)))
        seen, first, last = cv2.clipLine((0, 0, self._width, self._height), start, end)
        length = math.dist(start, end)
        if not seen or not length:
            return None
        direction = (end[0] - start[0]) / length, (end[1] - start[1]) / length
        return (first[0], first[1]), (last[0], last[1]), direction

    def _outline(self, low: Pixel, high: Pixel, color: Color) -> None:
        """Draws a rectangle."""
        self._stroke([low, (high[0], low[1]), high, (low[0], high[1]), low], color)

    def _stroke(self, points: list[Pixel], color: Color) -> None:
        """Draws a line through points, with a thin black outline."""
        for shade, thickness in ((_BLACK, self._thickness + 2), (color, self._thickness)):
            for first, second in pairwise(points):
                cv2.line(self._image, first, second, shade, thickness)

    def _tint(
        self,
        mask: UInt8Array,
        color: Color,
        opacity: float,
        part: tuple[slice, slice] = _EVERYWHERE,
    ) -> None:
        """Mixes a colour into a part of the picture through a mask, where 255 is ``opacity``."""
        rows, columns = np.nonzero(mask)
        share = mask[rows, columns][:, None] * np.float32(opacity / 255)
        picture = self._image[part]
        before = picture[rows, columns]
        picture[rows, columns] = np.rint(before * (1 - share) + np.array(color) * share)


def _subpixels(points: Float64Array) -> npt.NDArray[np.int32]:
    near = np.clip(points, -_FAR, _FAR)
    return np.rint(near * (1 << _SUBPIXEL_BITS)).astype(np.int32)
