"""All solid objects of a scene in one set of arrays, so that a frame is projected in few calls."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from stages.records import BoolArray, Float64Array, Int64Array
from stages.scene.camera import Camera
from stages.scene.light import Light
from stages.scene.mesh import Material, Mesh
from stages.scene.palette import saturate

NEAR = 0.5  # metres in front of the camera; closer objects are not painted
_LIMIT = 30000.0  # pixels; keeps fixed-point coordinates in range


@dataclass(frozen=True, slots=True, eq=False)
class Projection:
    """The solid objects as one camera sees them.

    Attributes:
        points: ``(V, 2)`` pixels.
        seen: ``(M,)`` bool, which objects are in front of the camera and touch the frame.
        boxes: ``(M, 4)`` pixel-centre extent of each object's vertices, not clipped.
        depths: ``(M,)`` metres along the optical axis.
        facing: ``(F,)`` cosine between each face's normal and the direction to the camera.
        colors: ``(F, 3)`` lit colours, 0..255.
        ahead: ``(M,)`` bool, whether the camera is ahead of the joint of an object's two parts.
    """

    points: Float64Array
    seen: BoolArray
    boxes: Float64Array
    depths: Float64Array
    facing: Float64Array
    colors: Float64Array
    ahead: BoolArray


class Geometry:
    """The meshes of all objects, concatenated.

    Args:
        meshes: One for each object.
        saturation: Factor on the saturation of all colours.
    """

    def __init__(self, meshes: Sequence[Mesh], saturation: float) -> None:
        self.count = len(meshes)
        vertex_counts = [len(mesh.vertices) for mesh in meshes]
        face_counts = [len(mesh.normals) for mesh in meshes]
        self._vertex_first = np.cumsum([0, *vertex_counts])
        self.face_first = np.cumsum([0, *face_counts])
        self._vertices = np.concatenate([mesh.vertices for mesh in meshes])
        self._normals = np.concatenate([mesh.normals for mesh in meshes])
        corners = np.concatenate([np.diff(mesh.starts) for mesh in meshes])
        self.starts: Int64Array = np.cumsum([0, *corners])
        self.materials: Int64Array = np.concatenate([mesh.materials for mesh in meshes])
        self.in_front: BoolArray = np.concatenate([mesh.in_front for mesh in meshes])
        self._colors = saturate(np.concatenate([m.colors for m in meshes]), saturation)
        self._owner = np.repeat(np.arange(self.count), vertex_counts)
        self.face_owner = np.repeat(np.arange(self.count), face_counts)
        self.half_sizes = np.array([mesh.size[:2] for mesh in meshes]) / 2
        self.heights = np.array([mesh.size[2] for mesh in meshes])
        self._split = np.array([_split(mesh) for mesh in meshes])

    def vertices_of(self, item: int) -> slice:
        """Returns the range of an object's vertices among all vertices."""
        return slice(int(self._vertex_first[item]), int(self._vertex_first[item + 1]))

    def project(
        self,
        camera: Camera,
        poses: Float64Array,
        light: Light,
        lamp: Float64Array,
        braking: BoolArray,
        size: tuple[int, int],
    ) -> Projection:
        """Projects the objects at ``poses`` ``(M, 3)`` (x, y, heading) and lights them.

        Args:
            camera: The camera.
            poses: Metres and radians.
            light: The scene's light.
            lamp: ``(M,)`` nearness of street lamps.
            braking: ``(M,)`` bool, whether the brake lights are on.
            size: Frame width and height in pixels.
        """
        cos, sin = np.cos(poses[:, 2]), np.sin(poses[:, 2])
        world = _turned(self._vertices, cos[self._owner], sin[self._owner])
        world[:, :2] += poses[self._owner, :2]
        view = camera.to_camera(world)
        points = np.clip(camera.to_image(view), -_LIMIT, _LIMIT)
        first = self._vertex_first[:-1]
        boxes = np.concatenate(
            [np.minimum.reduceat(points, first), np.maximum.reduceat(points, first)], axis=1
        )
        depths = np.minimum.reduceat(view[:, 2], first)
        seen = (
            (depths > NEAR)
            & (boxes[:, 0] < size[0])
            & (boxes[:, 1] < size[1])
            & (boxes[:, 2] >= 0)
            & (boxes[:, 3] >= 0)
        )
        owner = self.face_owner
        normals = _turned(self._normals, cos[owner], sin[owner])
        rays = camera.position - world[self.starts[:-1]]
        facing = np.einsum("fi,fi->f", normals, rays) / np.linalg.norm(rays, axis=1)
        colors = self._lit(normals, light, lamp[owner], braking[owner])
        veil = 0.85 - np.exp(-depths[owner] / light.haze_distance)
        colors += (light.haze - colors) * np.clip(veil, 0, 1)[:, None]
        offset = camera.position[:2] - poses[:, :2]
        ahead = offset[:, 0] * cos + offset[:, 1] * sin > self._split
        return Projection(points, seen, boxes, depths, facing, colors * 255, ahead)

    def _lit(
        self, normals: Float64Array, light: Light, lamp: Float64Array, braking: BoolArray
    ) -> Float64Array:
        shade = light.shade(normals, lamp)
        colors = self._colors * shade
        up = np.maximum(normals[:, 2:], 0.0)
        mirror = light.haze * np.where(self.materials == Material.GLASS, 0.26, 0.05)[:, None]
        mirror[self.materials == Material.MATT] = 0.0
        colors += mirror * (0.25 + 0.75 * up) * light.sky.mean() * 1.6
        tail = self.materials == Material.TAIL_LAMP
        glow = np.zeros(len(normals))
        if light.headlights:
            colors[self.materials == Material.HEAD_LAMP] += 1.2
            glow[tail] = 0.55
        glow[tail & braking] = 1.0
        colors += glow[:, None] * np.array([0.10, 0.10, 0.95])
        return colors


def _turned(vectors: Float64Array, cos: Float64Array, sin: Float64Array) -> Float64Array:
    """Returns the vectors ``(N, 3)``, each turned around the vertical axis by its own angle."""
    x, y = vectors[:, 0], vectors[:, 1]
    return np.column_stack([cos * x - sin * y, sin * x + cos * y, vectors[:, 2]])


def _split(mesh: Mesh) -> float:
    """Returns the position along x of the joint between a long vehicle's two parts."""
    if not mesh.in_front.any():
        return 0.0
    first = mesh.starts[:-1][mesh.in_front]
    return float(mesh.vertices[first[0] : mesh.starts[-1], 0].min()) - 0.05
