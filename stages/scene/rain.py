"""Rain: reflections in the wet ground, streaks in the air, drops on the lens."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import cv2
import numpy as np

from stages.records import Float32Array, Int16Array, UInt8Array
from stages.scene.camera import Camera
from stages.scene.coverage import Crop
from stages.scene.drawing import SHIFT
from stages.scene.ground import Ground
from stages.scene.light import Light

_FULL_HEIGHT = 544  # frame height in pixels to which lengths in pixels refer
_MIRROR = 0.7  # opacity of a mirror image in a puddle
_DEEPEST = 200  # pixels; longer mirror images are cut


def rainy(light: Light, rng: np.random.Generator, kind: str) -> Light:
    """Returns the light of a scene under rain clouds."""
    dark = rng.uniform(0.65, 0.95)
    gray = float(light.haze.mean()) * (0.85 if kind == "day" else 1.0)
    return replace(
        light,
        direct=light.direct * 0.06,
        sky=light.sky * (dark if kind != "night" else 1.0),
        haze=np.full(3, gray) * [1.02, 1.0, 0.98],
        haze_distance=rng.uniform(130, 420),
        shadow=light.shadow * 0.08,
        headlights=light.headlights or rng.random() < 0.65,
        saturation=light.saturation * rng.uniform(0.7, 0.95),
        blur=max(light.blur, rng.uniform(0.6, 1.1)),
    )


@dataclass(frozen=True, slots=True)
class _Drop:
    """A drop on the lens: centre and radius in pixels, and how clear its image is."""

    x: int
    y: int
    radius: int
    strength: float


class Rain:
    """The effects of rain on a scene's images.

    Args:
        rng: Source of randomness.
        ground: The ground, with its gloss.
        light: The light, as made by `rainy`.
        size: Frame width and height in pixels.
    """

    def __init__(
        self, rng: np.random.Generator, ground: Ground, light: Light, size: tuple[int, int]
    ) -> None:
        self._ground, self._light, self._size = ground, light, size
        self._seed = int(rng.integers(2**31))
        self._strength = rng.uniform(0.25, 1.0)
        self._slant = math.tan(math.radians(rng.uniform(-18, 18)))
        self._scale = size[1] / _FULL_HEIGHT
        self._drops = [self._drop(rng) for _ in range(int(rng.integers(0, 13)))]

    def wet(
        self, image: UInt8Array, covers: Int16Array, camera: Camera, objects: dict[int, Crop]
    ) -> UInt8Array:
        """Reflects the sky and the objects in the ground.

        Args:
            image: ``(H, W, 3)`` BGR with all objects and their lamps' glow.
            covers: ``(H, W)`` 1 + index of the object each pixel shows, 0 for the ground.
            camera: The camera.
            objects: Region of the frame that holds each object.
        """
        down = self._down(camera)
        flat = 1 - np.clip(down, 0, 1)  # the flatter the view of the ground, the more it reflects
        gloss = self._gloss(camera)
        gloss[(down <= 0.01) | (covers > 0)] = 0
        layer = image.astype(np.float32)
        sky = (self._light.haze * 235).astype(np.float32)
        layer += (sky - layer) * (gloss * (0.05 + 0.6 * flat**4))[..., None]
        mirror, share = self._mirrored(image, covers, objects)
        clear = gloss * _MIRROR * (0.2 + 0.8 * flat**2)
        share *= clear
        mirror *= clear[..., None]
        layer += mirror - layer * share[..., None]
        layer += self._streaks_of_light(image, covers) * gloss[..., None]
        return np.clip(layer, 0, 255).astype(np.uint8)

    def fall(self, image: UInt8Array, index: int) -> UInt8Array:
        """Adds the rain between the scene and the sensor: veil, streaks, drops on the lens.

        Args:
            image: ``(H, W, 3)`` uint8 BGR.
            index: 0-based frame of the scene.
        """
        rng = np.random.default_rng([self._seed, index])
        width, height = self._size
        layer = np.zeros((height, width), np.uint8)
        count = int(620 * self._strength * (width * height) / (960 * _FULL_HEIGHT))
        x = rng.uniform(-0.1 * width, 1.1 * width, count)
        y = rng.uniform(-0.1 * height, height, count)
        near = rng.random(count) ** 2
        length = self._scale * (8 + 34 * near)
        tones = rng.uniform(12, 80, count) * (1 - 0.45 * near)
        ends = np.column_stack([x + self._slant * length, y + length])
        starts = (np.column_stack([x, y]) * (1 << SHIFT)).astype(int)
        ends = (ends * (1 << SHIFT)).astype(int)
        for start, end, tone, close in zip(starts, ends, tones.tolist(), near > 0.8, strict=True):
            cv2.line(layer, start, end, tone, 2 if close else 1, cv2.LINE_AA, SHIFT)
        layer = np.asarray(cv2.GaussianBlur(layer, (3, 3), 0.7), np.uint8)
        veil, haze = 0.16 * self._strength, self._light.haze * 255
        bright = 0.35 + 0.65 * float(self._light.haze.mean())
        falling = cv2.cvtColor((layer * bright).astype(np.uint8), cv2.COLOR_GRAY2BGR)
        gray = np.empty_like(image)
        gray[:] = haze.clip(0, 255)
        veiled = cv2.addWeighted(image, 1 - veil, gray, veil, 0)
        rainy_image = np.asarray(cv2.add(veiled, falling), np.uint8)
        for drop in self._drops:
            self._blot(rainy_image, drop)
        return rainy_image

    def _gloss(self, camera: Camera) -> Float32Array:
        """Returns ``(H, W)`` how much the ground reflects at each pixel, 0..1."""
        assert self._ground.gloss is not None
        width, height = self._size
        size = len(self._ground.gloss)
        step = 2 * self._ground.reach / size
        first = step / 2 - self._ground.reach
        to_world = np.array([[step, 0, first], [0, -step, -first], [0, 0, 1]])
        half = np.array([[0.5, 0, -0.25], [0, 0.5, -0.25], [0, 0, 1]])
        matrix = half @ camera.ground_homography() @ to_world
        seen = cv2.warpPerspective(
            self._ground.gloss,
            np.linalg.inv(matrix),
            (width // 2, height // 2),
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        )
        wide = cv2.resize(seen, (width, height))
        return np.asarray(wide, np.float32) / np.float32(255)

    def _down(self, camera: Camera) -> Float32Array:
        """Returns ``(H, W)`` sines of the angles at which pixel rays fall, negative if rising."""
        width, height = self._size
        x = ((np.arange(width) - camera.center[0]) / camera.focal).astype(np.float32)[None]
        y = ((np.arange(height) - camera.center[1]) / camera.focal).astype(np.float32)[:, None]
        return np.asarray(camera.fall(x, y) / np.sqrt(1 + x * x + y * y))

    def _mirrored(
        self, image: UInt8Array, covers: Int16Array, objects: dict[int, Crop]
    ) -> tuple[Float32Array, Float32Array]:
        """Returns the objects mirrored below themselves, times their opacity, and that opacity."""
        width, height = self._size
        mirror = np.zeros((height, width, 3), np.float32)
        share = np.zeros((height, width), np.float32)
        for item, (rows, columns) in objects.items():
            own = covers[rows, columns] == item + 1
            where = np.flatnonzero(own.any(axis=0))
            if not len(where):
                continue
            last = rows.start + own.shape[0] - 1 - own[::-1].argmax(axis=0)[where]
            first = rows.start + own.argmax(axis=0)[where]
            deep = np.arange(min(int((last - first).max()) + 1, _DEEPEST))[:, None]
            source, target = last - deep, last + 1 + deep
            at, column = np.nonzero((source >= first) & (target < height))
            below, across = target[at, column], columns.start + where[column]
            fade = 1 - at / len(deep)
            mirror[below, across] = image[source[at, column], across] * fade[:, None]
            share[below, across] = fade
        tall = int(9 * self._scale) * 2 + 1
        return (
            np.asarray(cv2.blur(mirror, (3, tall)), np.float32),
            np.asarray(cv2.blur(share, (3, tall)), np.float32),
        )

    def _streaks_of_light(self, image: UInt8Array, covers: Int16Array) -> Float32Array:
        """Returns ``(H, W, 3)`` long reflections of lamps, towards the camera."""
        width, height = self._size
        small = (width // 4, height // 4)
        bright = cv2.subtract(image, np.full_like(image, 170))
        bright = np.asarray(cv2.resize(bright, small, interpolation=cv2.INTER_AREA), np.float32)
        solid = cv2.resize((covers > 0).astype(np.float32), small, interpolation=cv2.INTER_AREA)
        dark = float(np.clip(1.15 - 1.3 * self._light.sky.mean(), 0.0, 1.0))
        length = max(3, int(0.14 * small[1]))
        kernel = np.linspace(1.0, 0.0, length, dtype=np.float32)[::-1, None]
        gleam = cv2.filter2D(
            bright * solid[..., None],
            -1,
            kernel * np.float32(2.2 * dark / math.sqrt(length)),
            anchor=(0, length - 1),
        )
        return np.asarray(cv2.resize(gleam, (width, height)), np.float32)

    def _drop(self, rng: np.random.Generator) -> _Drop:
        width, height = self._size
        radius = max(2, int(self._scale * (4 + 22 * rng.random() ** 2)))
        return _Drop(
            int(rng.uniform(0, width)),
            int(rng.uniform(0, height)),
            radius,
            rng.uniform(0.5, 0.95),
        )

    def _blot(self, image: UInt8Array, drop: _Drop) -> None:
        """Paints a drop in place: the image behind it, upside down and out of focus."""
        height, width = image.shape[:2]
        reach = drop.radius * 2
        left, top = max(0, drop.x - reach), max(0, drop.y - reach)
        right, bottom = min(width, drop.x + reach + 1), min(height, drop.y + reach + 1)
        part = image[top:bottom, left:right]
        if part.size == 0:
            return
        soft = cv2.GaussianBlur(np.ascontiguousarray(part[::-1, ::-1]), (0, 0), 0.45 * drop.radius)
        y, x = np.mgrid[top:bottom, left:right].astype(np.float32)
        distance = np.hypot(x - drop.x, y - drop.y) / drop.radius
        alpha = (drop.strength * np.clip((1.15 - distance) * 4, 0, 1))[..., None]
        part[:] = (part + (soft.astype(np.float32) - part) * alpha).clip(0, 255).astype(np.uint8)
