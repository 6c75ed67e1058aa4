"""Effects of air, lens and sensor on the image: haze, then blur, vignette, tone and noise."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from stages.records import UInt8Array
from stages.scene.camera import Camera
from stages.scene.light import Light

_CLEAR_AIR = 0.12  # haze thinner than this is not painted
_MARGIN = 64  # the noise tile is larger than a frame by this much


class Optics:
    """The camera's effects on images of one size."""

    def __init__(
        self, light: Light, width: int, height: int, rng: np.random.Generator, varied: bool
    ) -> None:
        self._light = light
        self._seed = int(rng.integers(2**31))
        self._curve = light.curve()
        x = np.linspace(-1, 1, width, dtype=np.float32)[None]
        y = np.linspace(-1, 1, height, dtype=np.float32)[:, None]
        strength = rng.uniform(0.0, 0.3) if varied else 0.14
        vignette = 1 - strength * (0.62 * x * x + 0.38 * y * y) ** 1.3
        self._vignette = cv2.merge([(vignette * 255).round().astype(np.uint8)] * 3)
        shape = (height + _MARGIN, width + _MARGIN)
        grain = rng.standard_normal(shape, dtype=np.float32)
        tints = rng.standard_normal((*shape, 3), dtype=np.float32)
        noise: npt.NDArray[Any] = light.noise * (0.85 * grain[..., None] + 0.5 * tints)
        if varied and rng.random() < 0.5:  # coarse, as after denoising and compression
            noise = cv2.GaussianBlur(noise, (0, 0), 0.8) * 1.8
        self._noise = np.clip(noise + 128, 0, 255).round().astype(np.uint8)
        self._quality = int(rng.integers(35, 90)) if varied and rng.random() < 0.6 else None
        self._shrink = rng.uniform(0.5, 0.9) if varied and rng.random() < 0.25 else 1.0

    def sky(self, image: UInt8Array, camera: Camera) -> None:
        """Blends haze over far ground and paints the sky above the horizon, in place.

        Args:
            image: ``(H, W, 3)`` uint8 BGR.
            camera: The camera, for the horizon.
        """
        height, width = image.shape[:2]
        columns = np.linspace(0, width - 1, 31)
        x = (columns - camera.center[0]) / camera.focal
        y = (np.arange(height) - camera.center[1]) / camera.focal
        down = camera.fall(x[None], y[:, None])
        distance = camera.position[2] / np.maximum(down, 1e-4)
        veil = 1 - np.exp(-distance / self._light.haze_distance)
        veil = np.maximum(veil - _CLEAR_AIR, 0) / (1 - _CLEAR_AIR)
        rows = int(np.count_nonzero(veil.max(axis=1) > 0.0))
        if not rows:
            return
        above = np.clip(-down[:rows] * 1.6, 0, 0.35)[..., None]
        zenith = self._light.haze * np.array([1.0, 0.86, 0.74])
        color = (self._light.haze + (zenith - self._light.haze) * above / 0.35) * 255
        wide = cv2.resize(np.clip(color, 0, 255).astype(np.uint8), (width, rows))
        share = cv2.resize(veil[:rows].astype(np.float32), (width, rows))
        image[:rows] = cv2.blendLinear(wide, image[:rows], share, 1 - share)

    def finish(self, image: UInt8Array, index: int) -> UInt8Array:
        """Returns frame ``index`` as the camera delivers it, ``(H, W, 3)`` uint8 BGR."""
        height, width = image.shape[:2]
        if self._shrink < 1:
            share = self._shrink
            small = cv2.resize(image, None, fx=share, fy=share, interpolation=cv2.INTER_AREA)
            image = np.asarray(cv2.resize(small, (width, height)), np.uint8)
        sigma = self._light.blur
        if sigma > 0.4:
            side = 3 if sigma < 0.8 else 5
            image = np.asarray(cv2.GaussianBlur(image, (side, side), sigma), np.uint8)
        toned = cv2.LUT(cv2.multiply(image, self._vignette, scale=1 / 255), self._curve)
        rng = np.random.default_rng([self._seed, index])
        top, left = (int(v) for v in rng.integers(0, _MARGIN, 2))
        tile = self._noise[top : top + height, left : left + width]
        noisy = cv2.addWeighted(toned, 1.0, tile, 1.0, -128.0)
        if self._quality is not None:
            coded = cv2.imencode(".jpg", noisy, [cv2.IMWRITE_JPEG_QUALITY, self._quality])[1]
            return np.asarray(cv2.imdecode(coded, cv2.IMREAD_COLOR), np.uint8)
        return np.asarray(noisy, np.uint8)
