"""Paints trees: a trunk, and a crown as a billboard that always faces the camera."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from stages.records import Float64Array, Int16Array, UInt8Array
from stages.scene.camera import Camera
from stages.scene.drawing import SHIFT, to_fixed
from stages.scene.geometry import NEAR
from stages.scene.light import Light
from stages.scene.trees import Tree


class TreePainter:
    """Paints a scene's trees.

    Args:
        trees: The trees.
        light: For the trunks; crowns are lit already.
        size: Frame width and height in pixels.

    Attributes:
        centers: ``(T, 3)`` centres of the crowns, metres.
        radii: ``(T,)`` metres.
    """

    def __init__(self, trees: Sequence[Tree], light: Light, size: tuple[int, int]) -> None:
        self._trees = trees
        self.centers = np.array([tree.position for tree in trees]).reshape(-1, 3)
        self.radii = np.array([tree.radius for tree in trees])
        self._size = size
        trunk_light = light.shade(np.array([[0.7, 0.0, 0.7]]), np.array([0.3]))[0]
        self._trunk_color = (trunk_light * 45).tolist()

    def boxes(self, camera: Camera) -> Float64Array:
        """Returns the ``(T, 4)`` image boxes of the crowns; empty if a crown is not seen."""
        if not len(self._trees):
            return np.zeros((0, 4))
        view = camera.to_camera(self.centers)
        pixels = camera.to_image(view)
        radius = self.radii * camera.focal / np.maximum(view[:, 2], 0.1)
        boxes = np.concatenate([pixels - radius[:, None], pixels + radius[:, None]], axis=1)
        width, height = self._size
        seen = (
            (view[:, 2] > self.radii + 1)
            & (boxes[:, 2] > 0)
            & (boxes[:, 3] > 0)
            & (boxes[:, 0] < width)
            & (boxes[:, 1] < height)
        )
        return np.where(seen[:, None], boxes, 0.0)

    def paint(
        self,
        item: int,
        box: Float64Array,
        camera: Camera,
        image: UInt8Array,
        covers: Int16Array,
        owners: Int16Array | None,
    ) -> None:
        """Paints one tree in place, and clears what it hides.

        Args:
            item: Index of the tree.
            box: Box of its crown, from `boxes`.
            camera: The camera.
            image: ``(H, W, 3)`` BGR.
            covers: ``(H, W)`` cleared behind the crown.
            owners: ``(H, W)`` cleared behind the trunk too, or None.
        """
        self._paint_trunk(self._trees[item], camera, image, owners)
        self._paint_crown(self._trees[item], box, image, covers, owners)

    def _paint_trunk(
        self, tree: Tree, camera: Camera, image: UInt8Array, owners: Int16Array | None
    ) -> None:
        ends = np.array([tree.position * [1, 1, 0], tree.position])
        view = camera.to_camera(ends)
        if view[:, 2].min() < NEAR:
            return
        foot, top = to_fixed(np.clip(camera.to_image(view), -8000, 8000))
        thick = max(1, round(0.10 * tree.radius * camera.focal / float(view[0, 2])))
        cv2.line(image, foot, top, self._trunk_color, thick, cv2.LINE_AA, SHIFT)
        if owners is not None:
            cv2.line(owners, foot, top, 0, thick, cv2.LINE_8, SHIFT)

    def _paint_crown(
        self,
        tree: Tree,
        box: Float64Array,
        image: UInt8Array,
        covers: Int16Array,
        owners: Int16Array | None,
    ) -> None:
        width, height = self._size
        left, top = max(0, int(box[0])), max(0, int(box[1]))
        right, bottom = min(width, int(box[2]) + 1), min(height, int(box[3]) + 1)
        if right <= left or bottom <= top:
            return
        scale = (box[2] - box[0]) / len(tree.sprite)
        matrix = np.array([[scale, 0, box[0] - left], [0, scale, box[1] - top]])
        sprite = cv2.warpAffine(
            tree.sprite, matrix, (right - left, bottom - top), flags=cv2.INTER_LINEAR
        )
        alpha = sprite[..., 3:]
        part = image[top:bottom, left:right]
        blended = part + (sprite[..., :3] * 255 - part) * alpha
        part[:] = np.clip(blended, 0, 255).astype(np.uint8)
        opaque = alpha[..., 0] > 0.5
        covers[top:bottom, left:right][opaque] = 0
        if owners is not None:
            owners[top:bottom, left:right][opaque] = 0
