"""How exact positions and speeds on the ground are for a camera whose lens bends lines."""

from __future__ import annotations

import math

import numpy as np

from stages.records import Float64Array
from stages.scene import Scene, SceneConfig
from stages.sink.ground import Ground, GroundPlane, SpeedMeter
from stages.sink.lens import Edge, LensEdges
from tests.stages.sink.conftest import make_header, make_tracks

WIDTH, HEIGHT, FRAMES = 960, 540, 60
DISTORTION = -0.25  # moves a corner by a quarter of its distance from the centre
MARGIN = 40  # pixels between the ground points and the edge of the frame
LINES = [((60, 480), (900, 500)), ((80, 60), (90, 470)), ((500, 60), (930, 90))]


def test_straight_edges_make_positions_and_speeds_about_as_exact_as_without_a_lens() -> None:
    scene = Scene(SceneConfig(2, WIDTH, HEIGHT, FRAMES, view="intersection", vehicles=40))
    camera, rng = scene.camera(0), np.random.default_rng(7)

    def clicked(pixels: Float64Array) -> Float64Array:
        return pixels + rng.normal(0, 1, pixels.shape)

    metres = np.stack(np.meshgrid(*[np.arange(-40.0, 41, 8)] * 2), axis=2).reshape(-1, 2)
    pixels = camera.to_image(camera.to_camera(np.column_stack([metres, np.zeros(len(metres))])))
    inside = ((pixels > MARGIN) & (pixels < (WIDTH - MARGIN, HEIGHT - MARGIN))).all(axis=1)
    outer = [(pixels[inside] @ to).argmax() for to in ((-1, -1), (1, -1), (1, 1), (-1, 1))]
    pixels, metres = pixels[inside][outer], metres[inside][outer]
    straight = clicked(pixels)
    lines = [clicked(bent(np.linspace(start, end, 6))) for start, end in LINES]
    edges = LensEdges((WIDTH, HEIGHT), tuple(as_edge(line) for line in lines))
    points = as_points(clicked(bent(pixels)), metres)
    grounds = {
        "no lens": Ground(as_points(straight, metres)),
        "a lens, without edges": Ground(points),
        "a lens, with edges": Ground(points, edges),
    }
    exact = GroundPlane(Ground(as_points(pixels, metres)))
    meters = {name: SpeedMeter(ground) for name, ground in grounds.items()}
    places: dict[str, list[float]] = {name: [] for name in grounds}
    speeds: dict[str, list[float]] = {name: [] for name in grounds}
    for index in range(FRAMES):
        shown, now = scene.render(index), scene.positions(index)
        before = scene.positions(max(0, index - 25))
        true = dict(zip(shown.ids.tolist(), exact.to_ground(bottoms(shown.boxes)), strict=True))
        for name, meter in meters.items():
            boxes = shown.boxes if name == "no lens" else bent_boxes(shown.boxes)
            header = make_header(index, height=HEIGHT, width=WIDTH)
            meter.update(make_tracks(header, boxes, shown.ids))
            for identity, x, y, speed in meter.places:
                if np.isfinite(true[identity]).all():
                    places[name].append(math.dist(true[identity], (x, y)))
                if index >= 25 and speed is not None and identity in before:
                    driven = 3.6 * math.dist(before[identity], now[identity])
                    speeds[name].append(abs(speed - driven))
    shares = 0.5, 0.9
    place_errors = {name: np.quantile(errors, shares) for name, errors in places.items()}
    speed_errors = {name: np.quantile(errors, shares) for name, errors in speeds.items()}
    for name in grounds:
        m, kmh = (errors[name].round(2).tolist() for errors in (place_errors, speed_errors))
        print(
            f"{name}: {len(places[name])} positions, {m} m, {len(speeds[name])} speeds, {kmh} km/h"
        )
    none, without, found = (place_errors[name] for name in grounds)
    assert (found < none + 0.1).all()
    assert (without > 3 * found).all()
    _, without, found = (speed_errors[name][1] for name in grounds)
    assert without > 2 * found


def bent(pixels: Float64Array) -> Float64Array:
    """Distorts pixels ``(N, 2)`` as a lens does by the first term of Brown's model."""
    center = np.array([WIDTH, HEIGHT]) / 2
    around = pixels - center
    squares = (around**2).sum(axis=1, keepdims=True) / (center**2).sum()
    return np.asarray(center + around * (1 + DISTORTION * squares), np.float64)


def bottoms(boxes: Float64Array) -> Float64Array:
    return np.column_stack([boxes[:, [0, 2]].mean(axis=1), boxes[:, 3]]).astype(np.float64)


def bent_boxes(boxes: Float64Array) -> Float64Array:
    """Moves each box so that its bottom centre is where the lens shows it."""
    before = bottoms(boxes)
    return boxes + np.tile(bent(before) - before, 2)


def as_points(
    pixels: Float64Array, metres: Float64Array
) -> tuple[tuple[float, float, float, float], ...]:
    return tuple((x, y, a, b) for x, y, a, b in np.hstack([pixels, metres]).tolist())


def as_edge(pixels: Float64Array) -> Edge:
    return tuple((x, y) for x, y in pixels.tolist())
