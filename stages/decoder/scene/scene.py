"""A traffic scene: roads, vehicles, light and a camera, and its frames with ground truth."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from stages.decoder.scene.camera import CameraPath, drone_path, mast_path
from stages.decoder.scene.config import SceneConfig
from stages.decoder.scene.geometry import Geometry
from stages.decoder.scene.ground import make_ground
from stages.decoder.scene.light import make_light
from stages.decoder.scene.mesh import Mesh
from stages.decoder.scene.optics import Optics
from stages.decoder.scene.population import Population, make_trees, populate
from stages.decoder.scene.renderer import Painted, Renderer
from stages.decoder.scene.road import RoadPlan, make_plan
from stages.decoder.scene.vehicle import CLASS_NAMES
from stages.errors import ConfigError
from stages.records import Float32Array, Int16Array, Int64Array, UInt8Array

MIN_VISIBLE = 0.4  # share of the hull no other thing hides
MIN_INSIDE = 0.5  # share of the hull inside the frame
MIN_SIDE = 10.0  # pixels

_REACH = 110.0  # metres from the crossing to where roads end


@dataclass(frozen=True, slots=True, eq=False)
class SceneFrame:
    """A rendered frame and its ground truth.

    Attributes:
        image: ``(H, W, 3)`` uint8 BGR.
        boxes: ``(N, 4)`` float32 left, top, right, bottom in pixels, inside the frame.
        ids: ``(N,)`` int64, 1-based; one vehicle keeps its id.
        classes: ``(N,)`` int16 index into `Scene.class_names`.
        visibility: ``(N,)`` float32, share of the vehicle inside the frame that nothing hides.
    """

    image: UInt8Array
    boxes: Float32Array
    ids: Int64Array
    classes: Int16Array
    visibility: Float32Array


class Scene:
    """A scene, fully determined by its config; any frame can be rendered alone."""

    class_names: ClassVar[tuple[str, ...]] = CLASS_NAMES

    def __init__(self, config: SceneConfig) -> None:
        self.config = config
        streams = [np.random.default_rng([config.seed, part]) for part in range(8)]
        rng, varied = streams[0], config.varied
        self.view = config.view
        if config.view == "random":
            self.view = "drone" if rng.random() < 0.5 else "intersection"
        self.light = config.light
        if config.light == "random":
            self.light = str(rng.choice(["day", "dusk", "night"], p=[0.64, 0.16, 0.20]))
        crossing = bool(rng.random() < 0.6) if varied else True
        self.plan = make_plan(streams[1], crossing, _REACH, varied)
        light = make_light(streams[2], self.light, varied)
        self._path = self._camera_path(streams[3])
        # As many metres to a pixel as the frame can show; more would only cost time.
        size = int(np.clip(config.width * 2.67, 1024, 2560)) // 16 * 16
        ground = make_ground(streams[4], self.plan, light, size, varied)
        self._population: Population = populate(streams[5], self.plan, config, self._path)
        trees = make_trees(streams[6], self.plan, self._path, light, varied)
        meshes: list[Mesh] = self._population.meshes
        self._renderer = Renderer(
            ground,
            Geometry(meshes, light.saturation),
            self._population.thin,
            self._population.driving,
            trees,
            light,
            Optics(light, config.width, config.height, streams[7], varied),
            (config.width, config.height),
        )

    def render(self, index: int) -> SceneFrame:
        """Frame ``index``, 0-based.

        Raises:
            ConfigError: The scene has no such frame.
        """
        painted, ids = self._paint(index)
        classes = self._population.classes
        width, height = self.config.width, self.config.height
        boxes = painted.boxes.clip(0, [width, height, width, height])
        sides = (boxes[:, 2:] - boxes[:, :2]).min(axis=1)
        listed = np.flatnonzero(
            (classes >= 0)
            & (sides >= MIN_SIDE)
            & (painted.inside >= MIN_INSIDE)
            & (painted.visible >= MIN_VISIBLE)
        )
        return SceneFrame(
            painted.image,
            boxes[listed].astype(np.float32),
            ids[listed],
            classes[listed].astype(np.int16),
            painted.visible[listed].astype(np.float32),
        )

    def _paint(self, index: int) -> tuple[Painted, npt.NDArray[np.int64]]:
        if not 0 <= index < self.config.frames:
            raise ConfigError(
                f"frame index must lie in [0, {self.config.frames}) in this scene, got {index}"
            )
        seconds = float(index / self.config.frame_rate)
        poses, braking, ids = self._population.at(index, seconds)
        camera = self._path.at(seconds)
        return self._renderer.paint(camera, poses, braking, index), ids

    def _camera_path(self, rng: np.random.Generator) -> CameraPath:
        config, plan = self.config, self.plan
        width, height, varied = config.width, config.height, config.varied
        if self.view == "drone":
            road_yaw = None if plan.crossing else np.pi / 2
            return drone_path(rng, width, height, varied, road_yaw)
        stand, target = _mast(rng, plan, varied)
        return mast_path(rng, width, height, varied, stand, target)


def _mast(
    rng: np.random.Generator, plan: RoadPlan, varied: bool
) -> tuple[tuple[float, float], tuple[float, float]]:
    """Ground points below a mast camera and where it looks."""
    road = plan.roads[0]
    if not plan.crossing:  # from a bridge, or from the roadside
        x = float(rng.uniform(-1.2, 1.2) * (road.half_width + 2))
        y = float(rng.uniform(-0.7, -0.1) * plan.reach)
        return (x, y), (float(rng.uniform(-0.3, 0.3) * road.half_width), y + rng.uniform(18, 45))
    other = plan.roads[1]
    x, y = road.half_width + road.pavement + 3.0, other.half_width + other.pavement + 3.0
    if varied:
        x, y = x * rng.uniform(-1.0, 1.3), y + rng.uniform(0, 25)
        # Beyond the crossing, where vehicles wait, more often than at its bare middle.
        aim = np.array([-0.3 * x, rng.uniform(-5, 28)]) + rng.normal(0, 5, 2)
    else:
        aim = np.array([-12.0, 11.0])
    return (x, -y), (float(aim[0]), float(aim[1]))


def random_scene(seed: int, width: int, height: int) -> Scene:
    """A scene in which everything is drawn from wide ranges, for training pictures.

    The scene lasts 150 frames at 25 frames per second.
    """
    rng = np.random.default_rng([seed, 99])
    return Scene(
        SceneConfig(
            seed=seed,
            width=width,
            height=height,
            view="random",
            light="random",
            vehicles=int(rng.integers(10, 110)),
            varied=True,
        )
    )
