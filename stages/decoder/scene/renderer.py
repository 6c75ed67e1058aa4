"""Paints one frame: ground, shadows, things from far to near, glow, and the ground truth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from stages.decoder.scene.camera import Camera
from stages.decoder.scene.geometry import NEAR, Geometry, Projection
from stages.decoder.scene.glow import add_glow
from stages.decoder.scene.ground import Ground
from stages.decoder.scene.ground_view import GroundView
from stages.decoder.scene.light import Light
from stages.decoder.scene.optics import Optics
from stages.decoder.scene.ordering import paint_order
from stages.decoder.scene.rain import Rain
from stages.decoder.scene.relief import Relief
from stages.decoder.scene.silhouettes import Occlusion, Silhouettes, find_occlusion
from stages.decoder.scene.trees import Tree
from stages.records import BoolArray, Float64Array, Int16Array, UInt8Array

_SHIFT = 4
_ONE = 1 << _SHIFT
_HULL_SHIFT = 8


@dataclass(frozen=True, slots=True, eq=False)
class Painted:
    """One painted frame.

    Attributes:
        image: ``(H, W, 3)`` uint8 BGR.
        covers: ``(H, W)`` int16, 1 + index of the solid thing whose hull is nearest, 0 for none.
        boxes: ``(M, 4)`` float64 left, top, right, bottom of each thing's hull, not clipped, in
            pixels with the origin at the corner of the first pixel.
        inside: ``(M,)`` share of the hull inside the frame.
        visible: ``(M,)`` share of that which nothing hides.
        owners: ``(H, W)`` int16 as ``covers``, but of the things' own outlines; None unless the
            details were asked for.
        occlusion: What hides things; None unless the details were asked for.
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
        geometry: All solid things.
        thin: ``(M,)`` bool, things too thin to hide anything (posts).
        driving: How many of them, the first ones, drive.
        trees: Crowns.
        light: The light.
        optics: What the camera does to the picture.
        size: Frame width and height in pixels.
        rain: What rain does to the picture, None where it is dry.
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
        self._ground_view = GroundView(ground, size)
        self._trees, self._light, self._optics, self._size = trees, light, optics, size
        self._driving = np.arange(geometry.count) < driving
        self._tree_middles = np.array([t.position for t in trees]).reshape(-1, 3)
        self._tree_radii = np.array([t.radius for t in trees])

    def paint(
        self,
        camera: Camera,
        poses: Float64Array,
        braking: BoolArray,
        index: int,
        *,
        details: bool = False,
    ) -> Painted:
        """Paints the things at ``poses`` ``(M, 3)`` as the camera sees them.

        Args:
            camera: The camera.
            poses: x, y in metres and heading in radians.
            braking: ``(M,)`` whose brake lights are on.
            index: Frame index, for the noise.
            details: Whether to find out the exact outlines and what hides what.
        """
        width, height = self._size
        lamp = self._ground.lamp_at(poses[:, :2])
        projection = self._geometry.project(camera, poses, self._light, lamp, braking, self._size)
        image = self._ground_view.picture(camera)
        image = self._shade_ground(image, camera, poses, projection)
        self._optics.sky(image, camera)
        covers = np.zeros((height, width), np.int16)
        inside, visible, totals = np.zeros((3, self._geometry.count))
        crops: dict[int, tuple[slice, slice]] = {}
        hulls: dict[int, npt.NDArray[np.int32]] = {}
        silhouettes = Silhouettes(self._size, _SHIFT) if details else None
        owners = None if silhouettes is None else silhouettes.owners
        crowns = self._crown_boxes(camera)
        points = np.round(projection.points * _ONE).astype(np.int32)
        for kind, item in self._order(camera, poses, projection, crowns):
            if kind:
                self._paint_trunk(image, owners, camera, self._trees[item])
                self._paint_crown(image, covers, owners, self._trees[item], crowns[item])
                continue
            self._paint_thing(image, points, projection, item, silhouettes)
            if self._thin[item]:
                continue
            hull = cv2.convexHull(projection.points[self._vertices(item)].astype(np.float32))
            code = item + 1
            hulls[item] = np.round(hull * (1 << _HULL_SHIFT)).astype(np.int32)
            cv2.fillConvexPoly(covers, hulls[item], code, cv2.LINE_8, _HULL_SHIFT)
            crop = self._crop(projection.boxes[item])
            totals[item] = np.count_nonzero(covers[crop] == code)
            outline = cv2.arcLength(hull, True) / 2 + 1
            inside[item] = min(1.0, totals[item] / max(cv2.contourArea(hull) + outline, 1e-6))
            crops[item] = crop
        for item, crop in crops.items():
            if totals[item]:
                visible[item] = np.count_nonzero(covers[crop] == item + 1) / totals[item]
        if self._light.headlights:
            image = add_glow(image, covers, self._geometry, projection, self._light)
        if self._rain is not None:
            image = self._rain.fall(self._rain.wet(image, covers, camera, crops), index)
        image = self._optics.finish(image, index)
        boxes = projection.boxes + 0.5
        occlusion = None
        if details:
            partly = {item: hulls[item] for item in crops if visible[item] < 1}
            occlusion = find_occlusion(covers, partly, crops, self._geometry.count, _HULL_SHIFT)
        return Painted(image, covers, boxes, inside, visible, owners, occlusion)

    def _vertices(self, item: int) -> slice:
        first = self._geometry.vertex_first
        return slice(int(first[item]), int(first[item + 1]))

    def _crop(self, box: Float64Array) -> tuple[slice, slice]:
        left, top, right, bottom = box
        return (
            slice(max(0, int(top) - 1), max(0, int(bottom) + 3)),
            slice(max(0, int(left) - 1), max(0, int(right) + 3)),
        )

    def _shade_ground(
        self, image: UInt8Array, camera: Camera, poses: Float64Array, projection: Projection
    ) -> UInt8Array:
        relief = Relief(camera, self._light, self._size)
        sizes, heights = self._geometry.half_sizes, self._geometry.heights
        solid = (projection.depths > NEAR) & ~self._thin
        if self._light.headlights:
            lit = solid & self._driving
            relief.beams(poses[lit], sizes[lit])
        relief.crowns(self._trees)
        relief.shadows(poses[solid], sizes[solid], heights[solid])
        return relief.apply(image)

    def _crown_boxes(self, camera: Camera) -> Float64Array:
        """``(T, 4)`` image boxes of the crowns; empty ones where a crown is not seen."""
        if not len(self._trees):
            return np.zeros((0, 4))
        view = camera.to_camera(self._tree_middles)
        pixels = camera.to_image(view)
        radius = self._tree_radii * camera.focal / np.maximum(view[:, 2], 0.1)
        boxes = np.concatenate([pixels - radius[:, None], pixels + radius[:, None]], axis=1)
        width, height = self._size
        seen = (
            (view[:, 2] > self._tree_radii + 1)
            & (boxes[:, 2] > 0)
            & (boxes[:, 3] > 0)
            & (boxes[:, 0] < width)
            & (boxes[:, 1] < height)
        )
        return np.where(seen[:, None], boxes, 0.0)

    def _order(
        self, camera: Camera, poses: Float64Array, projection: Projection, crowns: Float64Array
    ) -> list[tuple[bool, int]]:
        things = np.flatnonzero(projection.seen)
        trees = np.flatnonzero(crowns.any(axis=1))
        middles = self._tree_middles[trees, :2]
        all_poses = np.concatenate(
            [poses[things], np.column_stack([middles, np.zeros(len(trees))])]
        )
        radii = 0.6 * self._tree_radii[trees, None]
        sizes = np.concatenate([self._geometry.half_sizes[things], np.repeat(radii, 2, axis=1)])
        boxes = np.concatenate([projection.boxes[things], crowns[trees]])
        order = paint_order(camera.position[:2], all_poses, sizes, boxes)
        count = len(things)
        return [
            (False, int(things[i])) if i < count else (True, int(trees[i - count])) for i in order
        ]

    def _paint_thing(
        self,
        image: UInt8Array,
        points: npt.NDArray[np.int32],
        projection: Projection,
        item: int,
        silhouettes: Silhouettes | None,
    ) -> None:
        geometry = self._geometry
        first, last = int(geometry.face_first[item]), int(geometry.face_first[item + 1])
        faces = first + np.flatnonzero(projection.facing[first:last] > 0)
        groups = geometry.groups[faces]
        if groups.any() and not projection.forward[item]:
            faces = np.concatenate([faces[groups == 1], faces[groups == 0]])
        starts = geometry.starts
        colours = projection.colours[faces].tolist()
        for face, colour in zip(faces.tolist(), colours, strict=True):
            cv2.fillConvexPoly(
                image, points[starts[face] : starts[face + 1]], colour, cv2.LINE_AA, _SHIFT
            )
        if silhouettes is not None:
            silhouettes.add(item, [points[starts[face] : starts[face + 1]] for face in faces])

    def _paint_trunk(
        self, image: UInt8Array, owners: Int16Array | None, camera: Camera, tree: Tree
    ) -> None:
        ends = np.array([tree.position * [1, 1, 0], tree.position])
        view = camera.to_camera(ends)
        if view[:, 2].min() < NEAR:
            return
        pixels = np.round(np.clip(camera.to_image(view), -8000, 8000) * _ONE).astype(int)
        thick = max(1, round(0.10 * tree.radius * camera.focal / float(view[0, 2])))
        colour = (self._light.shade(np.array([[0.7, 0.0, 0.7]]), np.array([0.3]))[0] * 45).tolist()
        cv2.line(image, pixels[0], pixels[1], colour, thick, cv2.LINE_AA, _SHIFT)
        if owners is not None:
            cv2.line(owners, pixels[0], pixels[1], 0, thick, cv2.LINE_8, _SHIFT)

    def _paint_crown(
        self,
        image: UInt8Array,
        covers: Int16Array,
        owners: Int16Array | None,
        tree: Tree,
        box: Float64Array,
    ) -> None:
        height, width = image.shape[:2]
        left, top = max(0, int(box[0])), max(0, int(box[1]))
        right, bottom = min(width, int(box[2]) + 1), min(height, int(box[3]) + 1)
        if right <= left or bottom <= top:
            return
        size = len(tree.sprite)
        scale = (box[2] - box[0]) / size
        matrix = np.array([[scale, 0, box[0] - left], [0, scale, box[1] - top]])
        sprite = cv2.warpAffine(
            tree.sprite, matrix, (right - left, bottom - top), flags=cv2.INTER_LINEAR
        )
        alpha = sprite[..., 3:]
        part = image[top:bottom, left:right]
        blended = part + (sprite[..., :3] * 255 - part) * alpha
        image[top:bottom, left:right] = np.clip(blended, 0, 255).astype(np.uint8)
        opaque = alpha[..., 0] > 0.5
        covers[top:bottom, left:right][opaque] = 0
        if owners is not None:
            owners[top:bottom, left:right][opaque] = 0
