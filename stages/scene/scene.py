"""A traffic scene: roads, vehicles, light and a camera, and its frames with ground truth."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from stages.errors import ConfigError
from stages.records import BoolArray, Float32Array, Float64Array, Int16Array, Int64Array, UInt8Array
from stages.scene.camera import Camera, CameraPath, drone_path, mast_path
from stages.scene.config import SceneConfig
from stages.scene.figures import CLASS_NAMES
from stages.scene.geometry import Geometry
from stages.scene.ground import make_ground
from stages.scene.light import make_light
from stages.scene.optics import Optics
from stages.scene.population import populate
from stages.scene.rain import Rain, rainy
from stages.scene.renderer import Painted, Renderer
from stages.scene.road import make_plan
from stages.scene.trees import place_trees
from stages.scene.viewpoints import mast_viewpoint
from trackers.boxes import shorter_sides

MIN_VISIBLE = 0.4  # share of the hull that no other object hides
MIN_INSIDE = 0.5  # share of the hull inside the frame
MIN_SIDE = 10.0  # pixels
VARIED_MIN_INSIDE = 0.15  # replaces `MIN_INSIDE` in varied scenes, except for large boxes
LARGE_SHARE = 0.01  # share of the frame from which a box counts as large

_SUNNY = 0.15  # share of light that cast shadows take away, above which a day is sunny
_REACH = 110.0  # metres from the crossing to where roads end


@dataclass(frozen=True, slots=True, eq=False)
class SceneFrame:
    """A rendered frame and its ground truth.

    Attributes:
        image: ``(H, W, 3)`` uint8 BGR.
        boxes: ``(N, 4)`` float32 left, top, right, bottom in pixels, inside the frame.
        ids: ``(N,)`` int64, 1-based; a vehicle keeps its id.
        classes: ``(N,)`` int16 index into `Scene.class_names`.
        visibility: ``(N,)`` float32, share of the vehicle inside the frame that nothing hides.
    """

    image: UInt8Array
    boxes: Float32Array
    ids: Int64Array
    classes: Int16Array
    visibility: Float32Array


@dataclass(frozen=True, slots=True, eq=False)
class SceneDetails:
    """A rendered frame with all of its vehicles, however small or hidden, and with masks.

    Attributes:
        frame: The frame, with every vehicle of which any part is visible.
        listed: ``(N,)`` bool, whether `Scene.render` lists it.
        truncation: ``(N,)`` float32, share of the vehicle outside the frame.
        small: ``(N,)`` bool, whether it is so far away that a side of its whole box is below
            `MIN_SIDE`.
        occluders: ``(N,)`` int64, id of the vehicle that hides most of it, 0 if it is hidden by
            something else or not at all.
        overlaps: ``(N, 4)`` float32 left, top, right, bottom of its hidden part, pixels; empty
            where nothing is hidden.
        mask: ``(H, W)`` uint8, 255 where the pixel shows a vehicle, else 0.
    """

    frame: SceneFrame
    listed: BoolArray
    truncation: Float32Array
    small: BoolArray
    occluders: Int64Array
    overlaps: Float32Array
    mask: UInt8Array


class Scene:
    """A scene, fully determined by its config; any frame can be rendered alone."""

    class_names: ClassVar[tuple[str, ...]] = CLASS_NAMES

    def __init__(self, config: SceneConfig) -> None:
        self.config = config
        streams = [np.random.default_rng([config.seed, part]) for part in range(9)]
        rng, varied = streams[0], config.varied
        self.view = config.view
        if config.view == "random":
            self.view = "drone" if rng.random() < 0.5 else "intersection"
        self.light = config.light
        if config.light == "random":
            self.light = str(rng.choice(["day", "dusk", "night"], p=[0.64, 0.16, 0.20]))
        crossing = bool(rng.random() < 0.6) if varied else True
        self.weather = config.weather
        if config.weather == "random":
            self.weather = "rain" if rng.random() < 0.25 else "clear"
        self.plan = make_plan(streams[1], crossing, _REACH, varied)
        light = make_light(streams[2], self.light, varied)
        raining = self.weather == "rain"
        if raining:
            light = rainy(light, streams[2], self.light)
        self.sunny = self.light == "day" and light.shadow > _SUNNY
        self._path = self._camera_path(streams[3])
        # As fine as the frame can show; more pixels would only cost time.
        size = int(np.clip(config.width * 2.67, 1024, 2560)) // 16 * 16
        ground = make_ground(streams[4], self.plan, light, size, varied, wet=raining)
        self._population = populate(streams[5], self.plan, config, self._path, raining)
        trees = place_trees(streams[6], self.plan, self._path, light, varied)
        self._renderer = Renderer(
            ground,
            Geometry(self._population.meshes, light.saturation),
            self._population.thin,
            self._population.driving,
            trees,
            light,
            Optics(light, config.width, config.height, streams[7], varied),
            (config.width, config.height),
            Rain(streams[8], ground, light, (config.width, config.height)) if raining else None,
        )

    def render(self, index: int) -> SceneFrame:
        """Renders frame ``index``, 0-based.

        Raises:
            ConfigError: The scene has no such frame.
        """
        painted, ids = self._paint(index)
        boxes = self._boxes(painted)
        listed = np.flatnonzero(self._listed(painted, boxes))
        return self._frame(painted, boxes, ids, listed)

    def render_details(self, index: int) -> SceneDetails:
        """Renders frame ``index``, 0-based, with hidden vehicles and masks; slower than `render`.

        Raises:
            ConfigError: The scene has no such frame.
        """
        painted, ids = self._paint(index, details=True)
        assert painted.owners is not None
        assert painted.occlusion is not None
        boxes, is_vehicle = self._boxes(painted), self._population.classes >= 0
        rows = np.flatnonzero(is_vehicle & (painted.inside > 0) & (painted.visible > 0))
        occluders = painted.occlusion.occluders[rows]
        hidden_by_vehicle = (occluders >= 0) & is_vehicle[occluders]
        return SceneDetails(
            frame=self._frame(painted, boxes, ids, rows),
            listed=self._listed(painted, boxes)[rows],
            truncation=(1 - painted.inside[rows]).astype(np.float32),
            small=shorter_sides(painted.boxes)[rows] < MIN_SIDE,
            occluders=np.where(hidden_by_vehicle, ids[occluders], 0),
            overlaps=painted.occlusion.overlaps[rows].astype(np.float32),
            mask=np.concatenate([[False], is_vehicle])[painted.owners] * np.uint8(255),
        )

    def camera(self, index: int) -> Camera:
        """Returns the camera's pose in frame ``index``, 0-based."""
        return self._path.at(self._seconds(index))

    def positions(self, index: int) -> dict[int, tuple[float, float]]:
        """Returns the vehicles' centres in frame ``index``, in metres of the world, by id."""
        poses, _, ids = self._population.at(index, self._seconds(index))
        rows = np.flatnonzero(self._population.classes >= 0)
        return {int(ids[row]): (float(poses[row, 0]), float(poses[row, 1])) for row in rows}

    def _seconds(self, index: int) -> float:
        return float(index / self.config.frame_rate)

    def _listed(self, painted: Painted, boxes: Float64Array) -> BoolArray:
        seen = painted.inside >= MIN_INSIDE
        if self.config.varied:
            area = (boxes[:, 2:] - boxes[:, :2]).prod(axis=1)
            large = area >= LARGE_SHARE * self.config.width * self.config.height
            seen = (painted.inside > 0) & (large | (painted.inside >= VARIED_MIN_INSIDE))
        return (
            (self._population.classes >= 0)
            & (shorter_sides(boxes) >= MIN_SIDE)
            & seen
            & (painted.visible >= MIN_VISIBLE)
        )

    def _boxes(self, painted: Painted) -> Float64Array:
        width, height = self.config.width, self.config.height
        return painted.boxes.clip(0, [width, height, width, height])

    def _frame(
        self, painted: Painted, boxes: Float64Array, ids: Int64Array, rows: Int64Array
    ) -> SceneFrame:
        return SceneFrame(
            painted.image,
            boxes[rows].astype(np.float32),
            ids[rows],
            self._population.classes[rows].astype(np.int16),
            painted.visible[rows].astype(np.float32),
        )

    def _paint(self, index: int, *, details: bool = False) -> tuple[Painted, Int64Array]:
        if not 0 <= index < self.config.frames:
            raise ConfigError(
                f"frame index must lie in [0, {self.config.frames}) in this scene, got {index}"
            )
        poses, braking, ids = self._population.at(index, self._seconds(index))
        camera = self.camera(index)
        return self._renderer.paint(camera, poses, braking, index, details=details), ids

    def _camera_path(self, rng: np.random.Generator) -> CameraPath:
        config, plan = self.config, self.plan
        width, height, varied = config.width, config.height, config.varied
        if self.view == "drone":
            road_yaw = None if plan.crossing else np.pi / 2
            return drone_path(rng, width, height, varied, road_yaw)
        return mast_path(rng, width, height, varied, mast_viewpoint(rng, plan, varied))
