"""Who is in the scene: driving and parked vehicles, people, lamps, houses and trees."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from stages.decoder.scene.camera import CameraPath
from stages.decoder.scene.config import SceneConfig
from stages.decoder.scene.geometry import saturate
from stages.decoder.scene.ground import lamp_places
from stages.decoder.scene.light import Light
from stages.decoder.scene.mesh import Mesh
from stages.decoder.scene.road import RoadPlan, turn
from stages.decoder.scene.scenery import (
    Tree,
    make_crown,
    make_house,
    make_lamp_post,
    make_pedestrian,
    make_two_wheeler,
)
from stages.decoder.scene.traffic import Traffic
from stages.decoder.scene.vehicle import CLASS_SHARES, make_vehicle

Float64Array = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]

_NO_CLASS = -1
_CLEAR_OF_MAST = 16.0  # metres around a mast camera that stay free of tall things


@dataclass(frozen=True, slots=True)
class _Walker:
    """Somebody who goes to and fro along a pavement."""

    road: int
    offset: float
    start: float
    end: float
    place: float
    speed: float


class Population:
    """All solid things, the driving ones first.

    Attributes:
        meshes: One for each thing.
        classes: ``(M,)`` index into the class names, or -1 for what is no vehicle.
        driving: How many drive.
        thin: ``(M,)`` bool, posts.
    """

    def __init__(
        self,
        traffic: Traffic,
        meshes: list[Mesh],
        classes: list[int],
        walkers: list[_Walker],
        fixed: Float64Array,
        posts: int,
        plan: RoadPlan,
    ) -> None:
        self.meshes = meshes
        self.classes = np.array(classes, dtype=np.int64)
        self.driving = traffic.count
        self.thin = np.zeros(len(meshes), dtype=bool)
        if posts:
            self.thin[-posts:] = True
        self._traffic, self._walkers, self._fixed = traffic, walkers, fixed
        self._plan = plan

    def at(
        self, index: int, seconds: float
    ) -> tuple[Float64Array, BoolArray, npt.NDArray[np.int64]]:
        """Poses ``(M, 3)``, braking ``(M,)`` and 1-based ids ``(M,)`` of a frame."""
        state = self._traffic.at(index)
        walking = np.array([self._walk(w, seconds) for w in self._walkers]).reshape(-1, 3)
        poses = np.concatenate([state.poses, walking, self._fixed])
        count = len(poses)
        braking = np.zeros(count, dtype=bool)
        braking[: self._traffic.count] = state.braking
        ids = np.arange(1, count + 1, dtype=np.int64)
        ids[: self._traffic.count] += count * state.laps
        return poses, braking, ids

    def _walk(self, walker: _Walker, seconds: float) -> tuple[float, float, float]:
        span = walker.end - walker.start
        phase = (walker.place + walker.speed * seconds) % (2 * span)
        y = walker.start + (phase if phase < span else 2 * span - phase)
        road = self._plan.roads[walker.road]
        x0, y0 = turn(np.array([walker.offset, y]), road.direction)
        ahead = turn(np.array([0.0, 1.0 if phase < span else -1.0]), road.direction)
        return float(x0), float(y0), math.atan2(ahead[1], ahead[0])


def populate(
    rng: np.random.Generator, plan: RoadPlan, config: SceneConfig, path: CameraPath
) -> Population:
    """Draws everybody and everything but the trees."""
    share = rng.uniform(0, 0.25) if config.varied else 0.08
    kinds = rng.choice(len(CLASS_SHARES), size=config.vehicles, p=CLASS_SHARES)
    driving = [int(kind) for kind in kinds]
    driving += [_NO_CLASS] * int(share * config.vehicles)
    rng.shuffle(driving)
    meshes = [make_two_wheeler(rng) if k == _NO_CLASS else make_vehicle(rng, k) for k in driving]
    lengths = np.array([mesh.size[0] for mesh in meshes])
    traffic = Traffic(plan, lengths, config.frame_rate, rng)
    meshes, classes = meshes[: traffic.count], driving[: traffic.count]
    walkers = _walkers(rng, plan, int(rng.integers(0, 26)) if config.varied else 16)
    for walker in walkers:
        meshes.append(make_two_wheeler(rng) if walker.speed > 2.5 else make_pedestrian(rng))
    classes += [_NO_CLASS] * len(walkers)
    parked = _parking(rng, plan) if config.varied and rng.random() < 0.5 else []
    for _ in parked:
        classes.append(0 if rng.random() < 0.86 else 1)
        meshes.append(make_vehicle(rng, classes[-1]))
    houses, house_poses = _houses(rng, plan, path, config.varied)
    meshes += houses
    posts = [
        place
        for place in lamp_places(plan)
        if math.hypot(place[0] - path.base[0], place[1] - path.base[1]) > _CLEAR_OF_MAST
    ]
    post = make_lamp_post()
    meshes += [post] * len(posts)
    classes += [_NO_CLASS] * (len(houses) + len(posts))
    fixed = np.array([*parked, *house_poses, *posts], dtype=np.float64).reshape(-1, 3)
    return Population(traffic, meshes, classes, walkers, fixed, len(posts), plan)


def make_trees(
    rng: np.random.Generator, plan: RoadPlan, path: CameraPath, light: Light, varied: bool
) -> list[Tree]:
    """Trees beside the roads."""
    level = light.shade(np.array([[0.0, 0.0, 1.0]]), np.array([0.35]))[0]
    crowns = []
    for _ in range(5):
        crown = make_crown(rng)
        crown[..., :3] = saturate(crown[..., :3] * level, light.saturation)
        crowns.append(crown.astype(np.float32))
    trees: list[Tree] = []
    wanted = int(rng.integers(0, 90)) if varied else 60
    pavement = max(road.pavement for road in plan.roads)
    for _ in range(wanted * 3):
        if len(trees) >= wanted:
            break
        x, y = rng.uniform(-0.95, 0.95, 2) * plan.reach
        radius = float(rng.uniform(1.6, 4.2))
        # Crowns reach over the pavement now and then, seldom over the carriageway.
        if plan.road_distance(x, y) < pavement + radius * (0.3 if varied else 0.8):
            continue
        if _blocks(path, x, y, radius):
            continue
        tall = 1.0 + radius * rng.uniform(0.85, 1.15)
        trees.append(Tree(np.array([x, y, tall]), radius, crowns[int(rng.integers(len(crowns)))]))
    return trees


def _blocks(path: CameraPath, x: float, y: float, radius: float) -> bool:
    """Whether something stands right before a low camera."""
    if path.base[2] > 22:
        return False
    dx, dy = x - path.base[0], y - path.base[1]
    ahead = dx * math.cos(path.yaw) + dy * math.sin(path.yaw)
    aside = abs(dy * math.cos(path.yaw) - dx * math.sin(path.yaw))
    return math.hypot(dx, dy) < _CLEAR_OF_MAST + radius or (
        0 < ahead < 26 and aside < radius + 4 + 0.35 * ahead
    )


def _walkers(rng: np.random.Generator, plan: RoadPlan, count: int) -> list[_Walker]:
    walkers = []
    for _ in range(count):
        index = int(rng.integers(len(plan.roads)))
        road = plan.roads[index]
        start = plan.zebra_start(road) + 2.0 if plan.crossing else -plan.reach
        side, half = (1 if rng.random() < 0.5 else -1), (1 if rng.random() < 0.5 else -1)
        riding = rng.random() < 0.15
        offset = side * (road.half_width + rng.uniform(0.7, max(road.pavement - 0.3, 0.8)))
        low, high = (start, plan.reach - 5) if half > 0 else (5 - plan.reach, -start)
        walkers.append(
            _Walker(
                index,
                float(offset),
                min(low, high),
                max(low, high),
                float(rng.uniform(0, 2 * abs(high - low))),
                float(rng.uniform(3, 5.5) if riding else rng.uniform(0.0, 1.6)),
            )
        )
    return walkers


def _parking(rng: np.random.Generator, plan: RoadPlan) -> list[tuple[float, float, float]]:
    """Rows of bays behind the pavement."""
    places = []
    for road in plan.roads:
        for side in (-1, 1):
            if rng.random() < 0.4:
                continue
            other = plan.roads[-1].half_width + plan.roads[-1].pavement if plan.crossing else 0.0
            start = other + 10 if plan.crossing else rng.uniform(-60, 20)
            x = side * (road.half_width + road.pavement + 3.4)
            for bay in range(int(rng.integers(5, 22))):
                if rng.random() < 0.3:
                    continue
                y = start + 2.8 * bay
                px, py = turn(np.array([x, y]), road.direction)
                heading = (0.0 if rng.random() < 0.6 else math.pi) - road.direction * math.pi / 2
                places.append((float(px), float(py), heading + rng.normal(0, 0.03)))
    return places


def _houses(
    rng: np.random.Generator, plan: RoadPlan, path: CameraPath, varied: bool
) -> tuple[list[Mesh], list[tuple[float, float, float]]]:
    meshes: list[Mesh] = []
    poses: list[tuple[float, float, float]] = []
    for _ in range(int(rng.integers(0, 30)) if varied else 24):
        length, width = rng.uniform(12, 26), rng.uniform(9, 16)
        x, y = rng.uniform(-0.9, 0.9, 2) * plan.reach
        along = float(rng.choice([0.0, math.pi / 2]))
        reach = math.hypot(length, width) / 2
        near = math.hypot(x - path.base[0], y - path.base[1]) < reach + 20
        free = all(math.hypot(x - a, y - b) > 2 * reach for a, b, _ in poses)
        if plan.road_distance(x, y) < 0.8 * reach + 6 or near or not free:
            continue
        if _blocks(path, x, y, reach):
            continue
        meshes.append(make_house(rng, length, width, float(rng.uniform(4, 13))))
        poses.append((x, y, along))
    return meshes, poses
