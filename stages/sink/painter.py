"""Draws the overlay: outlines, labels, trails, lines, zones, frame number and time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from itertools import pairwise
from math import isnan
from typing import NamedTuple

import cv2
import numpy as np

from stages.records import Float32Array, Float64Array, FrameHeader, Int64Array, Tracks, View
from stages.sink.colors import BLACK, WHITE, YuvColor, track_color
from stages.sink.counting import NO_READINGS, Readings
from stages.sink.drawing import Pixel, YuvCanvas
from stages.sink.glyphs import GlyphAtlas, TextMask, fitting_cap_height
from stages.sink.labels import LabelLayout
from stages.sink.options import SinkOptions
from stages.sink.pictures import even, picture_size
from stages.sink.times import shown_utc_time
from stages.sink.trails import Trails
from stages.views import to_frame

_TRAIL_LEVELS = 5  # steps of fading
_TRAIL_OPACITY = 220
_SUBPIXEL_BITS = 4
# Beyond any frame, but within integer range (for points, 16 bits before the subpixel bits).
_FAR = 1e6
_FAR_POINT = 32767.0


class Label(NamedTuple):
    """A text and its place: left and top in pixels, even."""

    left: int
    top: int
    text: TextMask


class OverlayPainter:
    """Draws the tracks of one stream, frame after frame; text and lines scale with the frame.

    Args:
        height: Frame height in pixels.
        width: Frame width in pixels.
        class_names: Names of the classes that ``Tracks.classes`` indexes.
        options: Options with the largest height, which tracks to draw, the length of their trails,
            and the lines and zones to draw.
        live: Show the frames' capture times instead of their positions in the video.

    Attributes:
        height: Height in pixels of the picture to draw on, even.
        width: Width in pixels of the picture to draw on, even.
    """

    def __init__(
        self,
        height: int,
        width: int,
        class_names: Sequence[str] = (),
        options: SinkOptions | None = None,
        *,
        live: bool = False,
    ) -> None:
        options = options or SinkOptions()
        self.height, self.width = picture_size(height, width, options.overlay_height)
        self._scale = np.array((self.width / even(width), self.height / even(height)), np.float32)
        side = min(self.height, self.width)
        self._atlas = GlyphAtlas(fitting_cap_height(self.height, self.width))
        self._thickness = 2 * max(1, round(side / 720))
        self._class_names = tuple(class_names)
        self._live = live
        self._min_score = options.overlay_min_score
        self._lines = {name: np.reshape(line, (2, 2)) for name, line in options.lines.items()}
        self._zones = {name: np.array(zone) for name, zone in options.zones.items()}
        self._trails = Trails(options.overlay_trail)
        self._layout = LabelLayout(self.height, self.width)
        self._compact: set[int] = set()

    def draw(
        self,
        canvas: YuvCanvas,
        tracks: Tracks,
        number: int,
        readings: Readings = NO_READINGS,
    ) -> None:
        """Draws onto the frame that ``tracks`` belong to.

        Args:
            canvas: The planes of its picture, modified in place.
            tracks: The tracks, in pixels of the frame; one whose score is NaN is labelled without.
            number: 1-based frame number to show.
            readings: What to show besides the tracks.
        """
        lines, zones = (self._seen(each, readings.view) for each in (self._lines, self._zones))
        closed = [(*corners, corners[0]) for corners in zones.values()]
        for points in (*lines.values(), *closed):
            for first, second in pairwise(points):
                canvas.line(first, second, WHITE, self._thickness)
        tracks = self._shown(tracks)
        ids: list[int] = tracks.ids.tolist()
        colors = [track_color(identity, tracks.frame.pixel_format) for identity in ids]
        outlines = _even_outlines(tracks.boxes * np.tile(self._scale, 2))
        self._draw_trails(canvas, self._trails.update(tracks), outlines, colors)
        for (left, top, right, bottom), color in zip(outlines.tolist(), colors, strict=True):
            canvas.outline(left, top, right, bottom, color, self._thickness)
        self._draw_labels(canvas, tracks, readings.speeds, outlines, colors)
        for _, label in self.count_labels(readings):
            canvas.label(*label, WHITE, BLACK)
        # At the bottom left: cameras put their own at the top.
        text = self._atlas.mask(stamp_text(number, self._time_of(tracks.frame)))
        if stamp := self._placed(text, 0, self.height):
            canvas.label(*stamp, BLACK, WHITE)

    def follow(self, tracks: Tracks) -> None:
        """Adds a frame without drawing it, so that later trails pass through it."""
        self._trails.update(self._shown(tracks))

    def count_labels(self, readings: Readings) -> Iterator[tuple[str, Label]]:
        """Yields the name of each line and zone, and the label at its first end or corner."""
        lines, zones = (self._seen(each, readings.view) for each in (self._lines, self._zones))
        texts = [
            *(
                (name, f"{left} left, {right} right", lines[name][0])
                for name, (left, right) in readings.crossed.items()
                if name in lines
            ),
            *(
                (name, f"{inside} inside, {entered} entered", zones[name][0])
                for name, (entered, inside) in readings.zones.items()
                if name in zones
            ),
        ]
        for name, counts, (x, y) in texts:
            text = self._atlas.mask(f" {name}: {counts} ")
            if label := self._placed(text, x, y - self._atlas.height // 2):
                yield name, label

    def _seen(
        self, shapes: Mapping[str, Float64Array], view: View | None
    ) -> dict[str, tuple[Pixel, ...]]:
        """Returns lines or zones in pixels of the picture, without those that are not in view."""
        if view is not None:
            shapes = {name: to_frame(view, points) for name, points in shapes.items()}
        return {
            name: within_reach(points * self._scale)
            for name, points in shapes.items()
            if np.isfinite(points).all()
        }

    def _time_of(self, frame: FrameHeader) -> str:
        if self._live:
            return shown_utc_time(frame.captured_ns)
        return clock(frame.pts * frame.time_base)

    def _shown(self, tracks: Tracks) -> Tracks:
        shown = ~(tracks.scores < self._min_score) & np.isfinite(tracks.boxes).all(axis=1)
        if shown.all():
            return tracks
        return Tracks(
            tracks.detections,
            tracks.boxes[shown],
            tracks.scores[shown],
            tracks.classes[shown],
            tracks.ids[shown],
        )

    def _draw_trails(
        self,
        canvas: YuvCanvas,
        trails: Sequence[Float32Array],
        outlines: Int64Array,
        colors: Sequence[YuvColor],
    ) -> None:
        """Draws the trails that reach beyond their vehicle's box; usually most do not."""
        ends = np.cumsum([len(trail) for trail in trails])
        if not ends.size or not ends[-1]:
            return
        points = np.nan_to_num(np.concatenate(trails) * self._scale)
        points = np.clip(points, -_FAR_POINT, _FAR_POINT)
        owner = np.repeat(np.arange(len(trails)), np.diff(ends, prepend=0))
        boxes = outlines[owner]
        outside = ((points < boxes[:, :2]) | (points >= boxes[:, 2:])).any(axis=1)
        latest_outside = np.full(len(trails), -1)
        latest_outside[owner[outside]] = np.flatnonzero(outside)
        starts = [0, *ends[:-1].tolist()]
        for k in np.flatnonzero(latest_outside >= 0).tolist():
            last = min(int(latest_outside[k]) + 1, int(ends[k]) - 1)
            self._draw_trail(canvas, points[starts[k] : last + 1], outlines[k].tolist(), colors[k])

    def _draw_trail(
        self, canvas: YuvCanvas, points: Float32Array, box: list[int], color: YuvColor
    ) -> None:
        """Draws a fading line through the vehicle's past positions to the edge of its box."""
        segments = len(points) - 1
        if not segments:
            return
        margin = self._thickness
        (low_x, low_y), (high_x, high_y) = points.min(axis=0).tolist(), points.max(axis=0).tolist()
        left, top = max(0, int(low_x) - margin) & ~1, max(0, int(low_y) - margin) & ~1
        right = min(canvas.width, (int(high_x) + margin + 3) & ~1)
        bottom = min(canvas.height, (int(high_y) + margin + 3) & ~1)
        if left >= right or top >= bottom:
            return
        mask = np.zeros((bottom - top, right - left), np.uint8)
        origin = np.array((left, top), np.float32)
        steps = ((points - origin) * (1 << _SUBPIXEL_BITS)).astype(np.int32)
        levels = min(_TRAIL_LEVELS, segments)
        for level in range(levels):
            first, last = segments * level // levels, segments * (level + 1) // levels
            cv2.polylines(
                mask,
                [steps[first : last + 1]],
                isClosed=False,
                color=_TRAIL_OPACITY * (level + 1) // levels,
                thickness=self._thickness,
                lineType=cv2.LINE_AA,
                shift=_SUBPIXEL_BITS,
            )
        # The vehicle itself stays clear.
        box_left, box_top, box_right, box_bottom = box
        mask[
            max(0, box_top - top) : max(0, box_bottom - top),
            max(0, box_left - left) : max(0, box_right - left),
        ] = 0
        canvas.blend(left, top, mask, color)

    def _draw_labels(
        self,
        canvas: YuvCanvas,
        tracks: Tracks,
        speeds: Mapping[int, float],
        outlines: Int64Array,
        colors: Sequence[YuvColor],
    ) -> None:
        labels = []
        ids: list[int] = tracks.ids.tolist()
        widths = (outlines[:, 2] - outlines[:, 0]).tolist()
        scores, classes = tracks.scores.tolist(), tracks.classes.tolist()
        compact: set[int] = set()
        for identity, width, score, index in zip(ids, widths, scores, classes, strict=True):
            name, speed = self._class_name(index), speeds.get(identity)
            if speed is not None and len(self._class_names) == 1:
                name = ""  # not informative; the gap separates the speed from the id
            if speed is not None:
                shown = f"{speed:.0f} km/h"
            else:
                shown = "" if isnan(score) else f"{score:.2f}"
            mask = self._atlas.mask(f" {identity} {name} {shown}".rstrip() + " ")
            # On small vehicles a full label would hide the neighbours, so only the id is shown. The
            # threshold depends on the previous label, or labels would flicker.
            limit = mask.full.shape[1] * (0.6 if identity in self._compact else 0.45)
            if width < limit or mask.full.shape[1] > self.width:
                compact.add(identity)
                mask = self._atlas.mask(f" {identity} ")
            labels.append(mask)
        self._compact = compact
        sizes = np.array([mask.full.shape[::-1] for mask in labels], np.int64).reshape(-1, 2)
        if (sizes > (self.width, self.height)).any():
            return  # a frame too small for any label
        places = self._layout.place(ids, outlines, sizes)
        for (left, top), mask, color in zip(places, labels, colors, strict=True):
            canvas.label(left, top, mask, color, color.contrast)

    def _class_name(self, index: int) -> str:
        return self._class_names[index] if 0 <= index < len(self._class_names) else ""

    def _placed(self, text: TextMask, x: int, y: int) -> Label | None:
        """Returns a label at ``x`` and ``y``, moved into the picture; None if it is too small."""
        height, width = text.full.shape
        if width > self.width or height > self.height:
            return None
        left = max(0, min(x, self.width - width)) // 2 * 2
        return Label(left, max(0, min(y, self.height - height)) // 2 * 2, text)


def stamp_text(number: int, time: str) -> str:
    """Returns the text of the bar that shows a frame's number and time."""
    return f"  frame {number}   {time}  "


def clock(seconds: Fraction) -> str:
    """Returns the time as ``mm:ss.mmm``, preceded by hours if there are any."""
    sign = "-" if seconds < 0 else ""
    milliseconds = int(abs(seconds) * 1000 + Fraction(1, 2))
    minutes, milliseconds = divmod(milliseconds, 60_000)
    hours, minutes = divmod(minutes, 60)
    text = f"{minutes:02d}:{milliseconds // 1000:02d}.{milliseconds % 1000:03d}"
    return f"{sign}{hours}:{text}" if hours else sign + text


def within_reach(points: Float64Array) -> tuple[Pixel, ...]:
    """Returns points ``(N, 2)`` as whole pixels, within the range in which OpenCV draws lines."""
    whole = np.rint(np.clip(points, -_FAR_POINT, _FAR_POINT)).astype(int).tolist()
    return tuple((x, y) for x, y in whole)


def _even_outlines(boxes: Float32Array) -> Int64Array:
    """Returns boxes extended to even pixels, right and bottom exclusive: ``(N, 4)`` int64."""
    low = np.floor(np.clip(boxes[:, :2], -_FAR, _FAR) / 2) * 2
    high = np.ceil(np.clip(boxes[:, 2:], -_FAR, _FAR) / 2) * 2
    return np.concatenate([low, high], axis=1).astype(np.int64)
