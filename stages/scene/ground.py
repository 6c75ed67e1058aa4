"""The ground as one large image seen from above: grass, asphalt, kerbs and markings."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np

from stages.records import Float32Array, Float64Array, UInt8Array
from stages.scene.canvas import Canvas
from stages.scene.light import Light
from stages.scene.markings import paint_markings
from stages.scene.road import RoadPlan, turn


@dataclass(frozen=True, slots=True, eq=False)
class Ground:
    """The lit ground and its coarser copies.

    Attributes:
        levels: Images ``(S, S, 3)``, each half the size of the one before.
        metres_per_pixel: Resolution of the first level, whose row 0 is the north end.
        lamp: ``(L, L)`` float32 nearness of street lamps, 0..1, over the same square.
        reach: The square extends from -reach to +reach, metres.
        gloss: ``(L, L)`` uint8, how much wet ground reflects, over the same square; None where it
            is dry.
    """

    levels: tuple[UInt8Array, ...]
    metres_per_pixel: float
    lamp: Float32Array
    reach: float
    gloss: UInt8Array | None = None

    def to_world(self, level: int) -> Float64Array:
        """Returns the ``(3, 3)`` map from a level's pixels to ground coordinates."""
        step = self.metres_per_pixel * 2**level
        first = self.metres_per_pixel / 2 - self.reach
        return np.array([[step, 0, first], [0, -step, -first], [0, 0, 1]])

    def lamp_at(self, points: Float64Array) -> Float64Array:
        """Returns the ``(N,)`` nearness of street lamps at ``(N, 2)`` ground points."""
        size = len(self.lamp)
        column = ((points[:, 0] + self.reach) * size / (2 * self.reach)).clip(0, size - 1)
        row = ((self.reach - points[:, 1]) * size / (2 * self.reach)).clip(0, size - 1)
        return self.lamp[row.astype(np.int64), column.astype(np.int64)].astype(np.float64)


def fractal_noise(
    rng: np.random.Generator, size: int, cells: int, octaves: int, fall: float = 0.55
) -> Float32Array:
    """Returns ``(size, size)`` noise of about unit deviation; each octave is twice as fine."""
    total = np.zeros((size, size), np.float32)
    weight, norm = 1.0, 0.0
    for _ in range(octaves):
        count = min(cells, size)
        coarse = rng.standard_normal((count + 3, count + 3), dtype=np.float32)
        total += weight * cv2.resize(coarse, (size, size), interpolation=cv2.INTER_CUBIC)
        norm += weight * weight
        weight, cells = weight * fall, cells * 2
    return total / np.float32(math.sqrt(norm) * 0.75)


def make_ground(
    rng: np.random.Generator,
    plan: RoadPlan,
    light: Light,
    size: int,
    varied: bool,
    wet: bool = False,
) -> Ground:
    """Paints the ground of a plan and lights it."""
    canvas = Canvas(size, plan.reach)
    image = _land(rng, size, varied)
    fine = _fine_noise(rng, size)
    broad = fractal_noise(rng, size, 10, 5)
    paved, asphalt = _paved(canvas, plan, pavements=True), _paved(canvas, plan, pavements=False)
    grown = cv2.dilate(asphalt, np.ones((3, 3), np.uint8))
    kerb = np.asarray(cv2.subtract(grown, asphalt), np.uint8)
    paving = np.array([0.55, 0.57, 0.58]) * rng.uniform(0.75, 1.1)
    if varied and rng.random() < 0.25:
        paving = np.array([0.36, 0.42, 0.52])
    _lay(image, paved, paving, 0.05 * broad + 0.05 * fine)
    tar = np.array([0.335, 0.33, 0.325]) * (rng.uniform(0.7, 1.5) if varied else 1.35)
    rough = np.float32(rng.uniform(0.1, 1.0) if varied else 1.0)
    wear = _wear(rng, canvas, plan)
    _lay(image, asphalt, tar, rough * (0.032 * broad + 0.05 * fine) + wear)
    _patches(rng, canvas, image, plan, tar, fine)
    _lay(image, kerb, np.array([0.62, 0.63, 0.63]), 0.04 * fine)
    for mask, color in paint_markings(rng, canvas, plan, varied):
        worn = np.clip(0.86 - 0.10 * broad - 0.07 * fine, 0.25, 1.0) * rng.uniform(0.7, 1.0)
        mask[:] = (mask * worn).astype(np.uint8)
        _lay(image, mask, color, 0.02 * fine)
    gloss = _wet(rng, image, paved) if wet else None
    lamp = _lamp_map(plan)
    _illuminate(image, light, lamp)
    levels = _pyramid((np.clip(image, 0, 1) * 255).astype(np.uint8))
    return Ground(levels, 2 * plan.reach / size, lamp, plan.reach, gloss)


def _pyramid(image: UInt8Array) -> tuple[UInt8Array, ...]:
    """Returns an image and its successive halves, down to a sixteenth."""
    levels = [image]
    while len(levels[-1]) > len(image) // 16:
        levels.append(np.asarray(cv2.pyrDown(levels[-1]), np.uint8))
    return tuple(levels)


def _land(rng: np.random.Generator, size: int, varied: bool) -> Float32Array:
    """Returns the land around the roads, ``(size, size, 3)``."""
    palettes = (
        ((0.15, 0.35, 0.26), (0.27, 0.42, 0.40)),  # meadow
        ((0.20, 0.33, 0.28), (0.32, 0.44, 0.52)),  # dry grass and earth
        ((0.50, 0.53, 0.54), (0.38, 0.40, 0.41)),  # paved town
        ((0.30, 0.38, 0.44), (0.22, 0.28, 0.33)),  # bare earth
    )
    choice = int(rng.integers(len(palettes))) if varied else 0
    low, high = (np.array(color, np.float32) for color in palettes[choice])
    mix = np.clip(0.5 + 0.33 * fractal_noise(rng, size, 6, 7, 0.66), 0, 1)[..., None]
    grain = 1 + 0.10 * _fine_noise(rng, size)[..., None]
    return (low + (high - low) * mix) * grain


def _fine_noise(rng: np.random.Generator, size: int) -> Float32Array:
    """Returns ``(size, size)`` grain of a few pixels, in tiles that repeat."""
    tile = rng.standard_normal((512, 512), dtype=np.float32)
    around = cv2.copyMakeBorder(tile, 8, 8, 8, 8, cv2.BORDER_WRAP)
    soft = cv2.GaussianBlur(around, (0, 0), 1.2)[8:-8, 8:-8]
    tile = 0.6 * tile + 2.7 * soft
    repeats = -(-size // 512)
    return np.tile(tile * np.float32(0.6), (repeats, repeats))[:size, :size]


def _lay(image: Float32Array, mask: UInt8Array, color: Float64Array, texture: Float32Array) -> None:
    """Blends in a textured colour through the mask."""
    where = np.flatnonzero(mask)
    pixels = image.reshape(-1, 3)
    alpha = mask.reshape(-1)[where, None].astype(np.float32) / 255
    laid = color.astype(np.float32) * (1 + 2 * texture.reshape(-1)[where, None])
    pixels[where] += alpha * (laid - pixels[where])


def _paved(canvas: Canvas, plan: RoadPlan, *, pavements: bool) -> UInt8Array:
    """Returns a mask of the carriageways, and of the pavements beside them if asked for."""
    mask = canvas.mask()
    for road in plan.roads:
        half = road.half_width + (road.pavement if pavements else 0.0)
        canvas.box(mask, road.direction, (-half, half), (-plan.reach - 1, plan.reach + 1))
    if plan.crossing:
        _fill_corners(canvas, mask, plan, pavements)
    return mask


def _fill_corners(canvas: Canvas, mask: UInt8Array, plan: RoadPlan, pavements: bool) -> None:
    """Rounds off the corners between two roads."""
    across, along = plan.roads
    x, y, radius = across.half_width, along.half_width, plan.corner
    if pavements:
        x, y = x + across.pavement, y + along.pavement
        radius = max(radius - min(across.pavement, along.pavement), 0.5)
    angle = np.linspace(math.pi, 1.5 * math.pi, 16)
    center = np.array([x + radius, y + radius])
    arc = center + radius * np.column_stack([np.cos(angle), np.sin(angle)])
    outline = np.concatenate([[[x - 1, y - 1], [x - 1, y + radius]], arc, [[x + radius, y - 1]]])
    for side_x in (-1, 1):
        for side_y in (-1, 1):
            canvas.polygon(mask, outline * [side_x, side_y])


def _wet(rng: np.random.Generator, image: Float32Array, paved: UInt8Array) -> UInt8Array:
    """Darkens wet pavement in place, more so in puddles; returns its gloss."""
    depth = rng.uniform(-0.6, 0.5)
    puddles = np.clip(0.5 + 0.7 * (fractal_noise(rng, len(image), 14, 4) + depth), 0, 1)
    share = paved.astype(np.float32) / 255
    image *= (1 - share * (0.28 + 0.16 * puddles))[..., None]
    image *= 0.85 + 0.15 * share[..., None]  # soaked earth and grass
    gloss = share * (0.35 + 0.65 * puddles) * 255
    return np.asarray(cv2.resize(gloss, (1024, 1024), interpolation=cv2.INTER_AREA), np.uint8)


def _wear(rng: np.random.Generator, canvas: Canvas, plan: RoadPlan) -> Float32Array:
    """Returns a texture that is darker where tyres roll and oil drips."""
    total = np.zeros((canvas.size, canvas.size), np.float32)
    for road in plan.roads:
        streaks = canvas.mask()
        for lane in range(road.lanes):
            for side in (-1, 1):
                for track in (-0.8, 0.8):
                    x = side * road.lane_offset(lane) + track
                    canvas.box(
                        streaks,
                        road.direction,
                        (x - 0.28, x + 0.28),
                        (-plan.reach, plan.reach),
                        int(rng.integers(120, 255)),
                    )
        total -= cv2.GaussianBlur(streaks, (0, 0), 0.25 * canvas.scale).astype(np.float32) / 255
    return total * np.float32(0.055)


def _patches(
    rng: np.random.Generator,
    canvas: Canvas,
    image: Float32Array,
    plan: RoadPlan,
    tar: Float64Array,
    fine: Float32Array,
) -> None:
    """Paints repair patches, covers and cracks."""
    patch, cracks = canvas.mask(), canvas.mask()
    for road in plan.roads:
        for _ in range(int(rng.integers(4, 14))):
            x = rng.uniform(-road.half_width + 1, road.half_width - 1)
            y = rng.uniform(-0.8, 0.8) * plan.reach
            w, h = rng.uniform(0.3, 1.3), rng.uniform(0.3, 5)
            value = int(rng.integers(40, 150))
            canvas.box(patch, road.direction, (x - w, x + w), (y - h, y + h), value)
        for _ in range(int(rng.integers(3, 16))):
            along = rng.uniform(-0.9, 0.9) * plan.reach
            across = np.linspace(-road.half_width, road.half_width, 20)
            path = np.column_stack([across, along + np.cumsum(rng.normal(0, 0.25, 20))])
            canvas.line(cracks, turn(path, road.direction), int(rng.integers(70, 190)))
    _lay(image, patch, tar * rng.uniform(0.6, 1.25), 0.04 * fine)
    _lay(image, cracks, tar * 0.4, 0.04 * fine)


def _lamp_map(plan: RoadPlan) -> Float32Array:
    """Returns the nearness of street lamps over the ground's square, see `Ground`."""
    size = 256
    step = 2 * plan.reach / size
    x = (np.arange(size) + 0.5) * step - plan.reach
    lit = np.zeros((size, size), np.float32)
    for lx, ly, heading in plan.lamp_poses():
        cx, cy = lx + 2.5 * math.cos(heading), ly + 2.5 * math.sin(heading)
        along = np.exp(-((x - cx) ** 2) / (2 * 9.0**2))
        down = np.exp(-((-x - cy) ** 2) / (2 * 9.0**2))
        lit += np.outer(down, along).astype(np.float32)
    return np.minimum(lit, 1.2)


def _illuminate(image: Float32Array, light: Light, lamp: Float32Array) -> None:
    """Lights the ground in place."""
    level = light.shade(np.array([[0.0, 0.0, 1.0]]), np.zeros(1))[0].astype(np.float32)
    if not light.lamps:
        image *= level
        return
    spread = cv2.resize(lamp, image.shape[1::-1], interpolation=cv2.INTER_CUBIC)
    for channel in range(3):
        image[..., channel] *= level[channel] + spread * np.float32(
            light.lamps * light.lamp_color[channel]
        )
