"""Draws a contact sheet of annotated images with boxes, ignored regions and masks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import TypeAlias

import cv2
import numpy as np

from stages.decoder.image_file import read_image
from stages.errors import ConfigError, SourceError
from stages.records import Float32Array, UInt8Array
from stages.wording import drawable
from tools.datasets.sample import MOSTLY_HIDDEN, Sample
from trackers.boxes import areas

Color: TypeAlias = tuple[int, int, int]
Point: TypeAlias = tuple[int, int]

CLASS_COLORS: tuple[Color, ...] = (
    (80, 220, 60),
    (255, 170, 40),
    (40, 130, 255),
    (255, 90, 220),
    (40, 220, 255),
    (240, 240, 90),
    (170, 255, 0),
    (200, 255, 180),
    (255, 130, 150),
    (160, 200, 255),
)
"""BGR; assigned to classes in order, cyclically."""

BACKGROUND: Color = (24, 24, 24)
TEXT: Color = (225, 225, 225)
FADED: Color = (150, 150, 150)
HATCHING: Color = (60, 60, 235)
MASK_TINT: Color = (255, 0, 200)
SMALL, DASH = 20, 5  # pixels of the sheet
GAP = 6
CAPTION, LEGEND = 20, 30
_FONT = cv2.FONT_HERSHEY_SIMPLEX
_SUB_PIXEL = 4  # fractional bits of box corners


def contact_sheet(samples: Sequence[Sample], columns: int = 4, tile_width: int = 480) -> UInt8Array:
    """Draws samples row by row, under a legend of their classes.

    Boxes have the colour of their class and are dashed if the object is mostly hidden. Ignored
    regions are hatched, and a mask is a translucent tint. If an image or mask cannot be opened, its
    tile says so.

    Args:
        samples: Samples to draw; their pixels are read here, one at a time.
        columns: Tiles in a row.
        tile_width: Width of every tile in pixels; a row is as high as its highest image, but at
            most square, and higher images are scaled to fit.

    Returns:
        ``(H, W, 3)`` uint8 BGR.

    Raises:
        ConfigError: There are no samples.
    """
    if not samples:
        raise ConfigError("a contact sheet needs samples, got none")
    columns = min(columns, len(samples))
    rows = [samples[start : start + columns] for start in range(0, len(samples), columns)]
    heights = [_row_height(row, tile_width) for row in rows]
    counts = Counter(label for sample in samples for label in sample.labels)
    colors = {label: CLASS_COLORS[i % len(CLASS_COLORS)] for i, label in enumerate(sorted(counts))}
    width = columns * (tile_width + GAP) + GAP
    legend = _legend(samples, counts, colors, width)
    height = len(legend) + sum(heights) + len(rows) * (CAPTION + GAP)
    sheet = np.full((height, width, 3), BACKGROUND, np.uint8)
    sheet[: len(legend)] = legend
    top = len(legend)
    for row, tile_height in zip(rows, heights, strict=True):
        bottom = top + tile_height
        for column, sample in enumerate(row):
            across = slice(GAP + column * (tile_width + GAP), (column + 1) * (tile_width + GAP))
            _draw_tile(sheet[top:bottom, across], sample, colors)
            _write(sheet[bottom : bottom + CAPTION, across], _caption(sample), 2, 14, TEXT)
        top = bottom + CAPTION + GAP
    return sheet


def _row_height(row: Sequence[Sample], tile_width: int) -> int:
    shape = max(min(sample.height / sample.width, 1.0) for sample in row)
    return max(1, round(tile_width * shape))


def _draw_tile(tile: UInt8Array, sample: Sample, colors: dict[str, Color]) -> None:
    """Draws a sample at the bottom of ``tile``, in place."""
    height, width = tile.shape[:2]
    scale = min(width / sample.width, height / sample.height)
    inner_width = min(width, max(1, round(sample.width * scale)))
    inner_height = min(height, max(1, round(sample.height * scale)))
    top, left = height - inner_height, (width - inner_width) // 2
    try:
        image = sample.read()
    except SourceError:
        _write_fault(tile, "image cannot be read, or is of another size")
        return
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    picture = np.asarray(
        cv2.resize(image, (inner_width, inner_height), interpolation=how), np.uint8
    )
    fault = _tint_mask(picture, sample)
    _hatch(picture, sample.ignored * scale)
    # Largest first, so that small boxes are not covered.
    for index in np.argsort(-areas(sample.boxes)):
        color = colors[sample.labels[index]]
        _draw_box(picture, sample.boxes[index] * scale, color, sample.hidden[index])
    tile[top : top + inner_height, left : left + inner_width] = picture
    if fault:
        _write_fault(tile, fault)


def _draw_box(picture: UInt8Array, box: Float32Array, color: Color, hidden: float) -> None:
    """Draws a box ltrb, with thin lines if it is small so that its content stays visible."""
    thickness = 1 if (box[2:] - box[:2]).min() < SMALL else 2
    left, top, right, bottom = np.rint(box * 2**_SUB_PIXEL).astype(int).tolist()
    corners = [(left, top), (right, top), (right, bottom), (left, bottom), (left, top)]
    for start, end in pairwise(corners):
        for a, b in _dashes(start, end) if hidden > MOSTLY_HIDDEN else [(start, end)]:
            cv2.line(picture, a, b, color, thickness, cv2.LINE_AA, _SUB_PIXEL)


def _dashes(start: Point, end: Point) -> Iterator[tuple[Point, Point]]:
    """Yields the dashes of a line, with the first and the last at its ends."""
    length = max(abs(end[0] - start[0]), abs(end[1] - start[1]))
    count = max(1, length // (DASH << _SUB_PIXEL)) | 1
    points = np.rint(np.linspace(start, end, count + 1)).astype(int).tolist()
    for index in range(0, count, 2):
        yield tuple(points[index]), tuple(points[index + 1])


def _tint_mask(picture: UInt8Array, sample: Sample) -> str:
    """Tints the foreground and draws its edge, in place; returns a fault, or "" if none."""
    if sample.mask is None:
        return ""
    try:
        mask = read_image(sample.mask, gray=True)
    except SourceError:
        return "mask cannot be read"
    size = (picture.shape[1], picture.shape[0])
    share = cv2.resize(mask, size, interpolation=cv2.INTER_AREA)[..., None] / 255.0
    tinted = picture + 0.4 * share * (np.array(MASK_TINT) - picture)
    picture[:] = np.rint(tinted).astype(np.uint8)
    foreground = np.asarray(share[..., 0] > 0.5, np.uint8)
    edges, _ = cv2.findContours(foreground, cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
    cv2.drawContours(picture, edges, -1, MASK_TINT, 1)
    return "" if mask.shape == (sample.height, sample.width) else "mask is of another size"


def _hatch(picture: UInt8Array, regions: np.ndarray) -> None:
    """Darkens and hatches the union of ``regions`` ``(K, 4)`` ltrb, in place."""
    if len(regions) == 0:
        return
    inside = np.zeros(picture.shape[:2], np.bool_)
    limits = np.tile(picture.shape[1::-1], 2)
    for left, top, right, bottom in np.rint(regions).clip(0, limits).astype(int):
        inside[top:bottom, left:right] = True
    rows, columns = np.indices(inside.shape)
    lines = inside & ((rows + columns) % 10 < 1)
    picture[inside] = picture[inside] // 2
    picture[lines] = HATCHING
    edges, _ = cv2.findContours(inside.astype(np.uint8), cv2.RETR_LIST, cv2.CHAIN_APPROX_SIMPLE)
    cv2.drawContours(picture, edges, -1, HATCHING, 1)


def _legend(
    samples: Sequence[Sample], counts: Counter[str], colors: dict[str, Color], width: int
) -> UInt8Array:
    """Draws class names with their colours and counts, in as many lines as needed."""
    entries = [(f"{label} {counts[label]:,}", color) for label, color in colors.items()]
    if any(len(sample.ignored) for sample in samples):
        entries.append(("ignored", HATCHING))
    if any(sample.mask for sample in samples):
        entries.append(("foreground mask", MASK_TINT))
    layout, x, line = [], GAP, 0
    for text, color in entries or [("no boxes", FADED)]:
        length = 22 + cv2.getTextSize(drawable(text), _FONT, 0.5, 1)[0][0] + 18
        if x > GAP and x + length > width:
            x, line = GAP, line + 1
        layout.append((text, color, x, line))
        x += length
    legend = np.full(((line + 1) * LEGEND, width, 3), BACKGROUND, np.uint8)
    for text, color, x, line in layout:
        top = line * LEGEND
        cv2.rectangle(legend, (x, top + 9), (x + 13, top + 21), color, cv2.FILLED)
        _write(legend, text, x + 20, top + 20, TEXT, 0.5)
    return legend


def _caption(sample: Sample) -> str:
    name = sample.path.stem if sample.frame is None else f"frame {sample.frame}"
    count = len(sample.boxes)
    parts = [sample.scene] if name == sample.scene else [sample.scene, name]
    return "  ".join([*parts, f"{count} box" + "es" * (count != 1), *sample.conditions.values()])


def _write_fault(tile: UInt8Array, text: str) -> None:
    cv2.rectangle(tile, (0, 0), (tile.shape[1], 22), (40, 40, 120), cv2.FILLED)
    _write(tile, text, 6, 16, TEXT)


def _write(image: UInt8Array, text: str, x: int, y: int, color: Color, size: float = 0.42) -> None:
    cv2.putText(image, drawable(text), (x, y), _FONT, size, color, 1, cv2.LINE_AA)
