"""The contents of a scene: driving and parked vehicles, people, lamps and houses."""

from __future__ import annotations

import math

import numpy as np

from stages.records import BoolArray, Float64Array, Int64Array
from stages.scene.buildings import place_city, place_houses
from stages.scene.camera import CLEAR_AROUND_CAMERA, CameraPath
from stages.scene.config import SceneConfig
from stages.scene.figures import draw_rider, draw_vehicle, draw_walker
from stages.scene.furniture import make_lamp_post, place_fences, place_furniture
from stages.scene.mesh import Mesh, Placed, Pose
from stages.scene.road import RoadPlan
from stages.scene.traffic import Traffic
from stages.scene.walkers import (
    Walker,
    crossing_walkers,
    hide_colliding_walkers,
    pavement_walkers,
)

_NO_CLASS = -1
_PLAIN_SHARES = (0.76, 0.12, 0.07, 0.05)  # of the classes
_VARIED_SHARES = (0.71, 0.12, 0.07, 0.10)


class Population:
    """All solid objects, the driving ones first.

    Attributes:
        meshes: One for each object.
        classes: ``(M,)`` index into the class names, or -1 for anything but a vehicle.
        driving: Number of objects that drive.
        thin: ``(M,)`` bool, posts and fences; they come last.
    """

    def __init__(
        self,
        traffic: Traffic,
        meshes: list[Mesh],
        classes: list[int],
        walkers: list[Walker],
        fixed: Float64Array,
        thin: int,
        aside: Float64Array | None = None,
    ) -> None:
        self.meshes = meshes
        self.classes = np.array(classes, dtype=np.int64)
        self.driving = traffic.count
        self.thin = np.arange(len(meshes)) >= len(meshes) - thin
        self._traffic, self._walkers, self._fixed = traffic, walkers, fixed
        self._aside = aside
        self._half_sizes = np.array([mesh.size[:2] for mesh in meshes]).reshape(-1, 2) / 2

    def at(self, index: int, seconds: float) -> tuple[Float64Array, BoolArray, Int64Array]:
        """Returns poses ``(M, 3)``, braking ``(M,)`` and 1-based ids ``(M,)`` of a frame."""
        state = self._traffic.at(index)
        driving = state.poses
        walking = np.array([walker.pose(seconds) for walker in self._walkers]).reshape(-1, 3)
        if self._aside is not None:
            left = np.column_stack([-np.sin(driving[:, 2]), np.cos(driving[:, 2])])
            driving = driving + np.column_stack([self._aside[:, :1] * left, self._aside[:, 1]])
            hide_colliding_walkers(walking, driving, self._half_sizes[: len(driving)])
        poses = np.concatenate([driving, walking, self._fixed])
        count = len(poses)
        braking = np.zeros(count, dtype=bool)
        braking[: self.driving] = state.braking
        ids = np.arange(1, count + 1, dtype=np.int64)
        ids[: self.driving] += count * state.laps
        return poses, braking, ids


def populate(
    rng: np.random.Generator, plan: RoadPlan, config: SceneConfig, path: CameraPath, rain: bool
) -> Population:
    """Draws all people and objects except the trees."""
    varied = config.varied
    driving, meshes = _draw_driving(rng, config, rain)
    lengths = np.array([mesh.size[0] for mesh in meshes])
    traffic = Traffic(plan, lengths, config.frame_rate, rng)
    driving, meshes = driving[: traffic.count], meshes[: traffic.count]
    walkers = _draw_walkers(rng, plan, varied)
    meshes += [draw_walker(rng, walker, varied, rain) for walker in walkers]
    classes = driving + [_NO_CLASS] * len(walkers)
    still = []
    for pose in _park(rng, plan) if varied and rng.random() < 0.5 else []:
        classes.append(0 if rng.random() < 0.86 else 1)
        still.append(Placed(draw_vehicle(rng, classes[-1], varied), pose))
    still += place_houses(rng, plan, path, varied)
    thin = []
    if varied:
        pieces = place_furniture(rng, plan, int(rng.integers(0, 45)))
        if rng.random() < 0.6:
            pieces += place_city(rng, plan, path.highest_block)
        still += [
            piece
            for piece in pieces
            if not path.is_blocked_at(*piece.pose[:2], max(piece.mesh.size[:2]) / 2 + 1)
        ]
        thin = place_fences(rng, plan)
    post = make_lamp_post()
    thin += [
        Placed(post, pose)
        for pose in plan.lamp_poses()
        if path.distance(*pose[:2]) > CLEAR_AROUND_CAMERA
    ]
    still += thin
    meshes += [placed.mesh for placed in still]
    classes += [_NO_CLASS] * (len(meshes) - len(classes))
    fixed = np.array([placed.pose for placed in still], dtype=np.float64).reshape(-1, 3)
    aside = _draw_aside(rng, driving) if varied else None
    return Population(traffic, meshes, classes, walkers, fixed, len(thin), aside)


def _draw_driving(
    rng: np.random.Generator, config: SceneConfig, rain: bool
) -> tuple[list[int], list[Mesh]]:
    """Returns classes and shapes of everything that is to drive in lanes, if there is room."""
    varied = config.varied
    riding_share = rng.uniform(0, 0.3) if varied else 0.08
    shares = _VARIED_SHARES if varied else _PLAIN_SHARES
    classes = rng.choice(len(shares), size=config.vehicles, p=shares).tolist()
    classes += [_NO_CLASS] * int(riding_share * config.vehicles)
    rng.shuffle(classes)
    return classes, [
        draw_rider(rng, varied, rain) if kind == _NO_CLASS else draw_vehicle(rng, kind, varied)
        for kind in classes
    ]


def _draw_walkers(rng: np.random.Generator, plan: RoadPlan, varied: bool) -> list[Walker]:
    if not varied:
        return pavement_walkers(rng, plan, 16)
    walkers = pavement_walkers(rng, plan, int(rng.integers(0, 40)), riding_share=0.4)
    return walkers + crossing_walkers(rng, plan, int(rng.integers(0, 22)))


def _draw_aside(rng: np.random.Generator, driving: list[int]) -> Float64Array:
    """Returns ``(N, 2)`` offsets: left of the lane's centre, metres, and in heading, radians."""
    rides = np.array(driving, dtype=np.int64) == _NO_CLASS
    count = len(rides)
    metres = np.where(
        rides, rng.uniform(-1.3, 1.3, count), rng.normal(0, 0.2, count).clip(-0.45, 0.45)
    )
    return np.column_stack([metres, rng.normal(0, 0.012, count)])


def _park(rng: np.random.Generator, plan: RoadPlan) -> list[Pose]:
    """Returns poses of vehicles in rows of parking bays behind the pavement."""
    poses = []
    for road in plan.roads:
        for side in (-1, 1):
            if rng.random() < 0.4:
                continue
            if plan.crossing:
                start = plan.roads[-1].half_width + plan.roads[-1].pavement + 10
            else:
                start = rng.uniform(-60, 20)
            x = side * (road.half_width + road.pavement + 3.4)
            for bay in range(int(rng.integers(5, 22))):
                if rng.random() < 0.3:
                    continue
                heading = 0.0 if rng.random() < 0.6 else math.pi
                place_x, place_y, heading = road.pose(x, start + 2.8 * bay, heading)
                poses.append((place_x, place_y, heading + rng.normal(0, 0.03)))
    return poses
