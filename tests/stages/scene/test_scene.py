from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

import cv2
import numpy as np
import pytest

from stages.errors import ConfigError
from stages.scene import Scene, SceneConfig, random_config
from stages.scene.ordering import paint_order
from stages.scene.road import make_plan
from stages.scene.scene import MIN_SIDE, MIN_VISIBLE
from stages.scene.traffic import Traffic

SMALL = SceneConfig(seed=7, width=480, height=272, frames=40, vehicles=60)


@pytest.fixture(scope="module")
def drone() -> Scene:
    return Scene(SMALL)


def test_same_seed_gives_same_pixels_in_any_order(drone: Scene) -> None:
    forward = [drone.render(index) for index in (0, 5, 30)]
    again = Scene(SMALL)
    backward = [again.render(index) for index in (30, 5, 0)][::-1]
    for one, other in zip(forward, backward, strict=True):
        np.testing.assert_array_equal(one.image, other.image)
        np.testing.assert_array_equal(one.boxes, other.boxes)
        np.testing.assert_array_equal(one.ids, other.ids)


def test_another_seed_gives_another_image(drone: Scene) -> None:
    other = Scene(SceneConfig(seed=8, width=480, height=272, frames=40, vehicles=60))
    difference = cv2.absdiff(drone.render(0).image, other.render(0).image)
    assert difference.mean() > 5


@pytest.mark.parametrize("seed", [1, 2, 4])
def test_ground_truth_is_within_its_limits(seed: int) -> None:
    scene = Scene(random_config(seed, 320, 192))
    frame = scene.render(20)
    assert frame.image.shape == (192, 320, 3)
    assert frame.image.dtype == np.uint8
    assert frame.boxes.dtype == np.float32
    assert frame.classes.dtype == np.int16
    count = len(frame.ids)
    assert frame.boxes.shape == (count, 4)
    sides = frame.boxes[:, 2:] - frame.boxes[:, :2]
    assert (sides >= MIN_SIDE - 1e-3).all()
    assert (frame.boxes >= 0).all()
    assert (frame.boxes <= [320, 192, 320, 192]).all()
    assert ((frame.visibility >= MIN_VISIBLE) & (frame.visibility <= 1)).all()
    assert ((frame.classes >= 0) & (frame.classes < len(Scene.class_names))).all()
    assert len(set(frame.ids.tolist())) == count
    assert count == 0 or frame.ids.min() >= 1


def test_ids_persist_and_vehicles_move_smoothly(drone: Scene) -> None:
    frames = [drone.render(index) for index in range(12)]
    shared = 0
    for before, after in pairwise(frames):
        where = {int(number): box for number, box in zip(after.ids, after.boxes, strict=True)}
        classes = dict(zip(after.ids.tolist(), after.classes.tolist(), strict=True))
        for number, box, kind in zip(before.ids, before.boxes, before.classes, strict=True):
            if int(number) in where:
                assert np.abs(where[int(number)] - box).max() < 12
                assert classes[int(number)] == kind
                shared += 1
    assert shared > 0.9 * sum(len(frame.ids) for frame in frames[:-1])
    first, last = frames[0], frames[-1]
    moved = [
        np.abs(last.boxes[last.ids == number][0] - box).max()
        for number, box in zip(first.ids, first.boxes, strict=True)
        if number in last.ids
    ]
    assert max(moved) > 3


def speeds(traffic: Traffic, frames: int, frame_rate: int) -> np.ndarray:
    """``(frames - 1, N)`` metres per second; NaN where a vehicle re-enters its lane."""
    positions = np.stack([traffic.at(index).poses[:, :2] for index in range(frames)])
    driven = np.linalg.norm(np.diff(positions, axis=0), axis=2) * frame_rate
    return np.where(driven < 50, driven, np.nan)


@pytest.mark.parametrize("crossing", [True, False])
def test_vehicles_never_overlap(crossing: bool) -> None:
    rng = np.random.default_rng(5)
    plan = make_plan(rng, crossing, 110.0, varied=False)
    lengths = rng.uniform(4, 12, 70)
    traffic = Traffic(plan, lengths, Fraction(10), rng)
    assert traffic.count > 30
    for index in range(0, 300, 3):
        state = traffic.at(index)
        forward = np.column_stack([np.cos(state.poses[:, 2]), np.sin(state.poses[:, 2])])
        # Three discs along each vehicle approximate it.
        discs = np.stack(
            [
                state.poses[:, :2] + forward * (share * (lengths[: traffic.count] - 1.8))[:, None]
                for share in (-0.5, 0.0, 0.5)
            ],
            axis=1,
        )
        gaps = np.linalg.norm(discs[:, None, :, None] - discs[None, :, None], axis=-1)
        nearest = gaps.min(axis=(2, 3)) + np.eye(traffic.count) * 99
        assert nearest.min() > 1.7, f"vehicles overlap in frame {index}"
    assert np.median(np.nanmax(speeds(traffic, 300, 10), axis=0)) > 5


def test_vehicles_stop_at_red_and_go_at_green() -> None:
    rng = np.random.default_rng(6)
    plan = make_plan(rng, True, 110.0, varied=False)
    traffic = Traffic(plan, np.full(40, 4.5), Fraction(5), rng)
    driven = speeds(traffic, 150, 5)
    assert (np.nanmin(driven, axis=0) < 0.1).sum() > 5
    assert (np.nanmax(driven, axis=0) > 5.0).mean() > 0.7


def test_paint_order_puts_the_hidden_object_first() -> None:
    # A bus whose centre is nearer than the car in front of its rear end.
    poses = np.array([[20.0, 0.0, 0.0], [12.5, 11.9, 0.0], [12.5, -2.4, 0.0]])
    sizes = np.array([[6.0, 1.25], [2.2, 0.9], [2.2, 0.9]])
    boxes = np.tile([0.0, 0.0, 10.0, 10.0], (3, 1))
    camera = np.array([20.0, -18.0])
    order = paint_order(camera, poses, sizes, boxes)
    assert order.index(1) < order.index(0) < order.index(2)
    order = paint_order(np.array([20.0, 18.0]), poses, sizes, boxes)
    assert order.index(2) < order.index(0) < order.index(1)


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"seed": -1}, "seed"),
        ({"width": 961}, "width must be even"),
        ({"height": 10}, "height must be even"),
        ({"frames": 0}, "frames"),
        ({"frame_rate": Fraction(0)}, "frame_rate"),
        ({"view": "satellite"}, "drone, intersection, random"),
        ({"light": "dawn"}, "day, dusk, night, random"),
        ({"weather": "snow"}, "clear, rain, random"),
        ({"vehicles": 1000}, "vehicles"),
    ],
)
def test_invalid_settings_are_named(setting: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        SceneConfig(**setting)  # type: ignore[arg-type]


def test_a_frame_beyond_the_end_is_refused(drone: Scene) -> None:
    with pytest.raises(ConfigError, match=r"\[0, 40\).*got 40"):
        drone.render(40)


def test_an_empty_road_can_be_rendered() -> None:
    frame = Scene(SceneConfig(seed=1, width=160, height=96, vehicles=0)).render(0)
    assert frame.boxes.shape == (0, 4)
