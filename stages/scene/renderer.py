"""Paints one frame: ground, shadows, objects from far to near, glow, and the ground truth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from stages.records import BoolArray, Float64Array, Int16Array, UInt8Array
from stages.scene.camera import Camera
from stages.scene.coverage import Coverage, Occlusion
from stages.scene.drawing import SHIFT, Int32Array, to_fixed
from stages.scene.geometry import NEAR, Geometry, Projection
from stages.scene.glow import add_glow
from stages.scene.ground import Ground
from stages.scene.ground_view import view_ground
from stages.scene.light import Light
from stages.scene.optics import Optics
from stages.scene.ordering import paint_order
from stages.scene.rain import Rain
from stages.scene.relief import Relief
from stages.scene.tree_painter import TreePainter
from stages.scene.trees import Tree


@dataclass(frozen=True, slots=True, eq=False)
class Painted:
    """One painted frame.

    Attributes:
        image: ``(H, W, 3)`` uint8 BGR.
        covers: ``(H, W)`` int16, 1 + index of the solid object whose hull is nearest, 0 for none.
        boxes: ``(M, 4)`` float64 left, top, right, bottom of each object's hull, not clipped, in
            pixels with the origin at the corner of the first pixel.
        inside: ``(M,)`` share of the hull inside the frame.
        visible: ``(M,)`` share of the hull's part inside the frame that nothing hides.
        owners: ``(H, W)`` int16 like ``covers``, but by the objects' exact outlines, to the half
            pixel that a drawn outline is wide; None unless details were requested.
        occlusion: What hides each object; None unless details were requested.
    """

    image: UInt8Array
    covers: Int16Array
    boxes: Float64Array
    inside: Float64Array
    visible: Float64Array
    owners: Int16Array | None = None
    occlusion: Occlusion | None = None


class Renderer:
    """Paints a scene's frames.

    Args:
        ground: The lit ground.
        geometry: All solid objects.
        thin: ``(M,)`` bool, objects too thin to hide anything (posts, fences).
        driving: Number of objects that drive; they come first.
        trees: Trees.
        light: The light.
        optics: The camera's effects on the image.
        size: Frame width and height in pixels.
        rain: The effects of rain on the image, None if it is dry.
    """

    def __init__(
        self,
        ground: Ground,
        geometry: Geometry,
        thin: BoolArray,
        driving: int,
        trees: Sequence[Tree],
        light: Light,
        optics: Optics,
        size: tuple[int, int],
        rain: Rain | None = None,
    ) -> None:
        self._rain = rain
        self._ground, self._geometry, self._thin = ground, geometry, thin
        self._trees = TreePainter(trees, light, size)
        self._light, self._optics, self._size = light, optics, size
        self._is_driving = np.arange(geometry.count) < driving

    def paint(
        self,
        camera: Camera,
        poses: Float64Array,
        braking: BoolArray,
        index: int,
        *,
        details: bool = False,
    ) -> Painted:
        """Paints the objects at ``poses`` ``(M, 3)`` as the camera sees them.

        Args:
            camera: The camera.
            poses: x, y in metres and heading in radians.
            braking: ``(M,)`` bool, whether the brake lights are on.
            index: Frame index, for the noise.
            details: Whether to compute exact outlines and what hides what.
        """
        lamp = self._ground.lamp_at(poses[:, :2])
        projection = self._geometry.project(camera, poses, self._light, lamp, braking, self._size)
        image = view_ground(self._ground, camera, self._size)
        image = self._shade_ground(image, camera, poses, projection)
        self._optics.sky(image, camera)
        coverage = Coverage(self._size, self._geometry.count)
        covers = coverage.covers
        owners = np.zeros_like(covers) if details else None
        crowns = self._trees.boxes(camera)
        points = to_fixed(projection.points)
        for is_tree, item in self._order(camera, poses, projection, crowns):
            if is_tree:
                self._trees.paint(item, crowns[item], camera, image, covers, owners)
                continue
            self._paint_object(image, points, projection, item, owners)
            if not self._thin[item]:
                own = self._geometry.vertices_of(item)
                coverage.add(item, projection.points[own], projection.boxes[item])
        visible = coverage.visible()
        if self._light.headlights:
            image = add_glow(image, covers, self._geometry, projection, self._light)
        if self._rain is not None:
            image = self._rain.wet(image, covers, camera, coverage.crops)
            image = self._rain.fall(image, index)
        return Painted(
            self._optics.finish(image, index),
            covers,
            projection.boxes + 0.5,
            coverage.inside,
            visible,
            owners,
            coverage.occlusion(visible) if details else None,
        )

    def _shade_ground(
        self, image: UInt8Array, camera: Camera, poses: Float64Array, projection: Projection
    ) -> UInt8Array:
        relief = Relief(camera, self._light, self._size)
        sizes, heights = self._geometry.half_sizes, self._geometry.heights
        solid = (projection.depths > NEAR) & ~self._thin
        if self._light.headlights:
            lit = solid & self._is_driving
            relief.beams(poses[lit], sizes[lit])
        relief.crowns(self._trees.centers, self._trees.radii)
        relief.shadows(poses[solid], sizes[solid], heights[solid])
        return relief.apply(image)

    def _order(
        self, camera: Camera, poses: Float64Array, projection: Projection, crowns: Float64Array
    ) -> list[tuple[bool, int]]:
        """Returns what is seen, far to near: whether it is a tree, and its index."""
        objects = np.flatnonzero(projection.seen)
        trees = np.flatnonzero(crowns.any(axis=1))
        centers = self._trees.centers[trees, :2]
        all_poses = np.concatenate(
            [poses[objects], np.column_stack([centers, np.zeros(len(trees))])]
        )
        radii = 0.6 * self._trees.radii[trees, None]
        sizes = np.concatenate([self._geometry.half_sizes[objects], np.repeat(radii, 2, axis=1)])
        boxes = np.concatenate([projection.boxes[objects], crowns[trees]])
        order = paint_order(camera.position[:2], all_poses, sizes, boxes)
        count = len(objects)
        return [
            (False, int(objects[i])) if i < count else (True, int(trees[i - count])) for i in order
        ]

    def _paint_object(
        self,
        image: UInt8Array,
        points: Int32Array,
        projection: Projection,
        item: int,
        owners: Int16Array | None,
    ) -> None:
        geometry = self._geometry
        first, last = int(geometry.face_first[item]), int(geometry.face_first[item + 1])
        faces = first + np.flatnonzero(projection.facing[first:last] > 0)
        if not projection.ahead[item]:
            in_front = geometry.in_front[faces]
            faces = np.concatenate([faces[in_front], faces[~in_front]])
        starts = geometry.starts
        colors = projection.colors[faces].tolist()
        for face, color in zip(faces, colors, strict=True):
            outline = points[starts[face] : starts[face + 1]]
            cv2.fillConvexPoly(image, outline, color, cv2.LINE_AA, SHIFT)
            if owners is not None:
                cv2.fillConvexPoly(owners, outline, item + 1, cv2.LINE_8, SHIFT)
