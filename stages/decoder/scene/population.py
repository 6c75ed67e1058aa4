"""Who is in the scene: driving and parked vehicles, people, lamps, houses and trees."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from stages.decoder.scene.buses import make_city_bus
from stages.decoder.scene.camera import CameraPath
from stages.decoder.scene.cars import make_car
from stages.decoder.scene.city import place_city
from stages.decoder.scene.config import SceneConfig
from stages.decoder.scene.furniture import place_fences, place_furniture
from stages.decoder.scene.geometry import saturate
from stages.decoder.scene.ground import lamp_places
from stages.decoder.scene.light import Light
from stages.decoder.scene.mesh import Mesh
from stages.decoder.scene.riders import make_person, make_rider, make_tricycle
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
from stages.decoder.scene.vehicle import CLASS_NAMES, CLASS_SHARES, make_vehicle
from stages.decoder.scene.walkers import (
    RIDING,
    Walker,
    crossing_walkers,
    make_way,
    pavement_walkers,
)
from stages.records import BoolArray, Float64Array

_NO_CLASS = -1
_VARIED_SHARES = (0.71, 0.12, 0.07, 0.10)
_LOW = 22.0  # metres; a camera below it can have things right before it
_CLEAR_OF_MAST = 16.0  # metres around a mast camera that stay free of tall things


class Population:
    """All solid things, the driving ones first.

    Attributes:
        meshes: One for each thing.
        classes: ``(M,)`` index into the class names, or -1 for what is no vehicle.
        driving: How many drive.
        thin: ``(M,)`` bool, posts and fences.
    """

    def __init__(
        self,
        traffic: Traffic,
        meshes: list[Mesh],
        classes: list[int],
        walkers: list[Walker],
        fixed: Float64Array,
        posts: int,
        plan: RoadPlan,
        aside: Float64Array | None = None,
    ) -> None:
        self.meshes = meshes
        self.classes = np.array(classes, dtype=np.int64)
        self.driving = traffic.count
        self.thin = np.zeros(len(meshes), dtype=bool)
        if posts:
            self.thin[-posts:] = True
        self._traffic, self._walkers, self._fixed = traffic, walkers, fixed
        self._plan, self._aside = plan, aside
        self._half_sizes = np.array([mesh.size[:2] for mesh in meshes]).reshape(-1, 2) / 2

    def at(
        self, index: int, seconds: float
    ) -> tuple[Float64Array, BoolArray, npt.NDArray[np.int64]]:
        """Poses ``(M, 3)``, braking ``(M,)`` and 1-based ids ``(M,)`` of a frame."""
        state = self._traffic.at(index)
        driving = state.poses
        if self._aside is not None:
            left = np.column_stack([-np.sin(driving[:, 2]), np.cos(driving[:, 2])])
            driving = driving + np.column_stack([self._aside[:, :1] * left, self._aside[:, 1]])
        walking = np.array([w.pose(self._plan, seconds) for w in self._walkers]).reshape(-1, 3)
        if self._aside is not None:
            make_way(walking, driving, self._half_sizes[: len(driving)])
        poses = np.concatenate([driving, walking, self._fixed])
        count = len(poses)
        braking = np.zeros(count, dtype=bool)
        braking[: self._traffic.count] = state.braking
        ids = np.arange(1, count + 1, dtype=np.int64)
        ids[: self._traffic.count] += count * state.laps
        return poses, braking, ids


def populate(
    rng: np.random.Generator, plan: RoadPlan, config: SceneConfig, path: CameraPath, rain: bool
) -> Population:
    """Draws everybody and everything but the trees."""
    varied = config.varied
    driving, meshes = _driving(rng, config, rain)
    lengths = np.array([mesh.size[0] for mesh in meshes])
    traffic = Traffic(plan, lengths, config.frame_rate, rng)
    meshes, classes = meshes[: traffic.count], driving[: traffic.count]
    if varied:
        walkers = pavement_walkers(rng, plan, int(rng.integers(0, 40)), riding_share=0.4)
        walkers += crossing_walkers(rng, plan, int(rng.integers(0, 22)))
        for walker in walkers:
            meshes.append(
                _bystander(rng, rain) if walker.speed > RIDING else make_person(rng, rain)
            )
    else:
        walkers = pavement_walkers(rng, plan, 16)
        for walker in walkers:
            meshes.append(make_two_wheeler(rng) if walker.speed > RIDING else make_pedestrian(rng))
    classes += [_NO_CLASS] * len(walkers)
    parked = _parking(rng, plan) if varied and rng.random() < 0.5 else []
    for _ in parked:
        classes.append(0 if rng.random() < 0.86 else 1)
        meshes.append(_vehicle(rng, classes[-1], varied))
    houses, house_poses = _houses(rng, plan, path, varied)
    meshes += houses
    classes += [_NO_CLASS] * len(houses)
    thin: list[tuple[float, float, float]] = []
    if varied:
        pieces, places = place_furniture(rng, plan, int(rng.integers(0, 45)))
        if rng.random() < 0.6:
            blocks, block_places = place_city(rng, plan, _highest(path))
            pieces, places = pieces + blocks, places + block_places
        for piece, place in zip(pieces, places, strict=True):
            if not _blocks(path, place[0], place[1], max(piece.size[:2]) / 2 + 1):
                meshes.append(piece)
                house_poses.append(place)
                classes.append(_NO_CLASS)
        fences, thin = place_fences(rng, plan)
        meshes += fences
    post = make_lamp_post()
    for place in lamp_places(plan):
        if math.hypot(place[0] - path.base[0], place[1] - path.base[1]) > _CLEAR_OF_MAST:
            meshes.append(post)
            thin.append(place)
    classes += [_NO_CLASS] * len(thin)
    fixed = np.array([*parked, *house_poses, *thin], dtype=np.float64).reshape(-1, 3)
    aside = _aside(rng, driving[: traffic.count]) if varied else None
    return Population(traffic, meshes, classes, walkers, fixed, len(thin), plan, aside)


def _driving(
    rng: np.random.Generator, config: SceneConfig, rain: bool
) -> tuple[list[int], list[Mesh]]:
    """Classes and shapes of those who drive in lanes."""
    varied = config.varied
    share = rng.uniform(0, 0.3) if varied else 0.08
    shares = _VARIED_SHARES if varied else CLASS_SHARES
    kinds = rng.choice(len(shares), size=config.vehicles, p=shares)
    driving = [int(kind) for kind in kinds]
    driving += [_NO_CLASS] * int(share * config.vehicles)
    rng.shuffle(driving)
    if varied:
        return driving, [
            _bystander(rng, rain) if k == _NO_CLASS else _vehicle(rng, k, varied) for k in driving
        ]
    return driving, [
        make_two_wheeler(rng) if k == _NO_CLASS else make_vehicle(rng, k) for k in driving
    ]


def _vehicle(rng: np.random.Generator, kind: int, varied: bool) -> Mesh:
    if varied and CLASS_NAMES[kind] == "bus":
        return make_city_bus(rng)
    if varied and CLASS_NAMES[kind] == "car" and rng.random() < 0.85:
        return make_car(rng)
    return make_vehicle(rng, kind)


def _bystander(rng: np.random.Generator, rain: bool) -> Mesh:
    return make_tricycle(rng) if rng.random() < 0.25 else make_rider(rng, rain)


def _aside(rng: np.random.Generator, driving: list[int]) -> Float64Array:
    """``(N, 2)`` how far left of its lane's middle each drives (metres), and how askew."""
    rides = np.array(driving, dtype=np.int64) == _NO_CLASS
    count = len(rides)
    metres = np.where(
        rides, rng.uniform(-1.3, 1.3, count), rng.normal(0, 0.2, count).clip(-0.45, 0.45)
    )
    return np.column_stack([metres, rng.normal(0, 0.012, count)])


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


def _highest(path: CameraPath) -> float:
    """How high blocks may be: a drone flies well above them."""
    drone = max(path.glide) > 1.0
    return 0.35 * path.base[2] if drone else math.inf


def _blocks(path: CameraPath, x: float, y: float, radius: float) -> bool:
    """Whether something stands right before a low camera."""
    if path.base[2] > _LOW:
        return False
    dx, dy = x - path.base[0], y - path.base[1]
    ahead = dx * math.cos(path.yaw) + dy * math.sin(path.yaw)
    aside = abs(dy * math.cos(path.yaw) - dx * math.sin(path.yaw))
    return math.hypot(dx, dy) < _CLEAR_OF_MAST + radius or (
        0 < ahead < 26 and aside < radius + 4 + 0.35 * ahead
    )


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
