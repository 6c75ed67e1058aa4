"""What training scenes add to the demo's: left turns, long buses, riders, unlisted vehicles."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

import numpy as np
import pytest

from stages.scene import Scene, random_config
from stages.scene.city_buses import make_city_bus
from stages.scene.detailed_cars import make_car
from stages.scene.mesh import Mesh
from stages.scene.people import make_person, make_rider, make_tricycle
from stages.scene.road import RoadPlan, make_plan
from stages.scene.scene import MIN_VISIBLE
from stages.scene.traffic import Traffic
from stages.scene.viewpoints import mast_viewpoint
from stages.scene.walkers import Walker, hide_colliding_walkers

SEED = 1  # gives a varied scene with a vehicle mostly outside the frame


def plan_with_left_turns(seed: int) -> RoadPlan:
    """Returns the first plan, from ``seed`` on, with left turns and several lanes on each road."""
    for number in range(seed, seed + 100):
        plan = make_plan(np.random.default_rng(number), True, 110.0, varied=True)
        if plan.left_turns and min(road.lanes for road in plan.roads) > 1:
            return plan
    raise AssertionError


@pytest.mark.parametrize("seed", [0, 10, 20])
def test_turning_vehicles_never_overlap(seed: int) -> None:
    plan = plan_with_left_turns(seed)
    assert {lane.phase for lane in plan.lanes} == {0, 1, 2, 3}
    lengths = np.random.default_rng(seed).uniform(4, 12, 90)
    traffic = Traffic(plan, lengths, Fraction(5), np.random.default_rng(seed))
    turned = np.zeros(traffic.count)
    start = traffic.at(0).poses[:, 2]
    for index in range(0, 300, 3):
        poses = traffic.at(index).poses
        turned = np.maximum(turned, np.abs(poses[:, 2] - start))
        forward = np.column_stack([np.cos(poses[:, 2]), np.sin(poses[:, 2])])
        reach = (lengths[: traffic.count] - 1.8)[:, None]
        discs = np.stack(
            [poses[:, :2] + forward * share * reach for share in (-0.5, 0.0, 0.5)], axis=1
        )
        gaps = np.linalg.norm(discs[:, None, :, None] - discs[None, :, None], axis=-1)
        nearest = gaps.min(axis=(2, 3)) + np.eye(traffic.count) * 99
        assert nearest.min() > 1.7, f"vehicles overlap in frame {index}"
    assert (turned > 1.4).sum() >= 4


def test_lanes_turn_left_or_go_straight() -> None:
    plan = plan_with_left_turns(0)
    ends = [lane.course[-1, 2] - lane.course[0, 2] for lane in plan.lanes]
    assert (np.array(ends) > 1.4).any()  # counter-clockwise is left
    assert (np.abs(ends) < 0.1).any()
    assert all(lane.bends == (abs(end) > 0.1) for lane, end in zip(plan.lanes, ends, strict=True))


def test_articulated_buses_do_not_turn() -> None:
    plan = plan_with_left_turns(0)
    traffic = Traffic(plan, np.full(20, 18.0), Fraction(5), np.random.default_rng(1))
    assert traffic.count > 3
    headings = np.stack([traffic.at(index).poses[:, 2] for index in range(0, 200, 10)])
    assert np.ptp(headings, axis=0).max() < 0.05


def test_walkers_inside_a_vehicle_are_hidden() -> None:
    walking = np.array([[0.5, 0.0, 0.0], [0.0, 3.0, 0.0], [30.0, 30.0, 0.0]])
    driving = np.array([[0.0, 0.0, np.pi / 2]])
    hide_colliding_walkers(walking, driving, np.array([[2.2, 0.9]]))
    assert (np.abs(walking[:, 0]) > 1000).tolist() == [True, False, False]


def test_a_walker_turns_at_the_ends_of_its_path() -> None:
    plan = make_plan(np.random.default_rng(1), True, 110.0, varied=False)
    walker = Walker(road=plan.roads[0], offset=9.0, start=-4.0, end=6.0, walked=9.0, speed=1.0)
    places = [walker.pose(seconds) for seconds in (0.0, 1.0, 2.0, 11.0, 13.0)]
    assert [round(place[1], 6) for place in places] == [5.0, 6.0, 5.0, -4.0, -2.0]
    assert np.sign([np.sin(place[2]) for place in places]).tolist() == [1, -1, -1, 1, 1]


@pytest.mark.parametrize(
    ("make", "length", "height"),
    [
        (make_city_bus, (6.9, 19.0), (2.8, 3.7)),
        (make_car, (3.0, 5.4), (1.3, 1.9)),
        (make_tricycle, (2.2, 3.6), (1.3, 2.4)),
        (lambda rng: make_rider(rng, rain=True), (1.2, 2.2), (1.2, 1.8)),
        (lambda rng: make_person(rng, rain=True), (0.2, 1.3), (1.4, 2.3)),
    ],
)
def test_objects_have_realistic_sizes(
    make: Callable[[np.random.Generator], Mesh],
    length: tuple[float, float],
    height: tuple[float, float],
) -> None:
    rng = np.random.default_rng(3)
    for _ in range(25):
        mesh = make(rng)
        assert length[0] < mesh.size[0] < length[1]
        assert height[0] < mesh.size[2] < height[1]
        assert mesh.vertices[:, 2].min() > -0.1
        # Seen from above, every object has an upper side.
        assert mesh.normals[:, 2].max() > 0.9
        np.testing.assert_allclose(np.linalg.norm(mesh.normals, axis=1), 1, atol=1e-6)


def test_varied_mast_cameras_face_the_road() -> None:
    rng = np.random.default_rng(4)
    for number in range(60):
        plan = make_plan(rng, number % 2 == 0, 110.0, varied=True)
        at = mast_viewpoint(rng, plan, varied=True)
        assert 4 < at.heights[0] < at.heights[1] < 15
        far = np.hypot(at.target[0] - at.stand[0], at.target[1] - at.stand[1])
        assert 4 < far < 90


def test_vehicles_truncated_by_the_frame_edge_are_listed() -> None:
    """A vehicle is listed even if half of it or more is outside the frame."""
    details = Scene(random_config(SEED, 320, 192)).render_details(60)
    listed = details.listed
    assert (details.frame.visibility[listed] >= MIN_VISIBLE).all()
    assert (details.truncation[listed] > 0.5).any()
    again = Scene(random_config(SEED, 320, 192)).render(60)
    np.testing.assert_array_equal(again.image, details.frame.image)
    np.testing.assert_array_equal(again.boxes, details.frame.boxes[listed])
