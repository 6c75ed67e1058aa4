"""Daylight, dusk and night: the sun, the sky, lamps, and the camera's response to them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from stages.records import Float64Array, UInt8Array


@dataclass(frozen=True, slots=True, eq=False)
class Light:
    """The light of a scene; colours are blue, green, red.

    Attributes:
        sun: ``(3,)`` unit vector towards the sun.
        direct: ``(3,)`` strength of the sun.
        sky: ``(3,)`` strength of the ambient light.
        haze: ``(3,)`` colour of the sky at the horizon, 0..1.
        haze_distance: Metres at which haze hides two thirds.
        shadow: Share of light that a cast shadow takes away, 0 under clouds.
        lamps: Strength of street lamps, 0 by day.
        lamp_color: ``(3,)`` colour of street lamps.
        headlights: Whether vehicles drive with their lamps on.
        gamma: Exponent of the camera's tone curve.
        gain: Factor on brightness.
        tint: ``(3,)`` colour cast.
        saturation: Factor on the saturation of colours.
        noise: Standard deviation of the sensor's noise in grey levels.
        blur: Standard deviation of the lens's blur in pixels.
    """

    sun: Float64Array
    direct: Float64Array
    sky: Float64Array
    haze: Float64Array
    haze_distance: float
    shadow: float
    lamps: float
    lamp_color: Float64Array
    headlights: bool
    gamma: float
    gain: float
    tint: Float64Array
    saturation: float
    noise: float
    blur: float

    def shade(self, normals: Float64Array, lamp: Float64Array) -> Float64Array:
        """Computes the light that surfaces receive.

        Args:
            normals: ``(N, 3)``.
            lamp: ``(N,)`` nearness of street lamps, 0..1.

        Returns:
            ``(N, 3)`` factors on colours.
        """
        up = normals[:, 2:]
        facing = np.maximum(normals @ self.sun, 0.0)[:, None]
        overhead = (0.35 + 0.65 * np.maximum(up, 0.0)) * lamp[:, None] * self.lamps
        return self.sky * (0.72 + 0.28 * up) + self.direct * facing + self.lamp_color * overhead

    def curve(self) -> UInt8Array:
        """Returns the camera's tone curve ``(1, 256, 3)``, for ``cv2.LUT``."""
        levels = np.linspace(0, 1, 256)[:, None] * (self.gain * self.tint)[None]
        toned = np.clip(levels, 0, 1.6) ** self.gamma
        toned = np.where(toned > 0.8, 0.8 + 0.2 * np.tanh((toned - 0.8) / 0.25), toned)
        return (toned * 255).clip(0, 255).round().astype(np.uint8)[None]


def make_light(rng: np.random.Generator, kind: str, varied: bool) -> Light:
    """Returns light of a kind: ``day``, ``dusk`` or ``night``."""
    azimuth = rng.uniform(0, 2 * math.pi)
    jitter = 1.0 if varied else 0.35
    common: dict[str, Any] = {
        "gamma": float(np.clip(rng.normal(0.95, 0.12 * jitter), 0.65, 1.3)),
        "tint": np.clip(1 + rng.normal(0, 0.03 * jitter, 3), 0.88, 1.12),
        "saturation": float(np.clip(rng.normal(0.95, 0.2 * jitter), 0.4, 1.4)),
        "blur": rng.uniform(0.35, 1.15) if varied else 0.55,
    }
    if kind == "day":
        cloud = rng.random() if varied else rng.uniform(0.0, 0.35)
        sunny = max(0.0, 1.0 - 1.25 * cloud)
        height = math.radians(rng.uniform(28, 68))
        return Light(
            sun=_direction(azimuth, height),
            direct=np.array([0.60, 0.66, 0.68]) * sunny,
            sky=np.array([0.66, 0.63, 0.61]) + 0.42 * (1 - sunny),
            haze=np.array([0.86, 0.82, 0.78]),
            haze_distance=rng.uniform(250, 1200),
            shadow=0.55 * sunny,
            lamps=0.0,
            lamp_color=np.zeros(3),
            headlights=varied and rng.random() < 0.2,
            gain=float(np.clip(rng.normal(1.0, 0.13 * jitter), 0.6, 1.4)),
            noise=rng.uniform(1.0, 4.0) if varied else 2.0,
            **common,
        )
    if kind == "dusk":
        height = math.radians(rng.uniform(7, 20))
        return Light(
            sun=_direction(azimuth, height),
            direct=np.array([0.22, 0.42, 0.62]) * rng.uniform(0.5, 1.0),
            sky=np.array([0.44, 0.38, 0.38]),
            haze=np.array([0.60, 0.62, 0.74]),
            haze_distance=rng.uniform(250, 800),
            shadow=0.35,
            lamps=0.25,
            lamp_color=np.array([0.5, 0.75, 1.0]),
            headlights=rng.random() < 0.75,
            gain=float(np.clip(rng.normal(1.0, 0.15 * jitter), 0.6, 1.4)),
            noise=rng.uniform(1.5, 5.0) if varied else 2.6,
            **common,
        )
    sodium = rng.random() < 0.5
    return Light(
        sun=_direction(azimuth, math.radians(60)),
        direct=np.array([0.02, 0.02, 0.02]),
        sky=np.array([0.15, 0.13, 0.125]) * rng.uniform(0.7, 1.6),
        haze=np.array([0.12, 0.10, 0.10]),
        haze_distance=rng.uniform(200, 600),
        shadow=0.0,
        lamps=rng.uniform(0.35, 0.85) if varied else 0.62,
        lamp_color=np.array([0.42, 0.72, 1.0]) if sodium else np.array([0.92, 0.98, 0.96]),
        headlights=True,
        gain=float(np.clip(rng.normal(1.1, 0.2 * jitter), 0.7, 1.6)),
        noise=rng.uniform(2.5, 8.0) if varied else 3.5,
        **common,
    )


def _direction(azimuth: float, height: float) -> Float64Array:
    """Returns the unit vector ``(3,)`` towards an azimuth and an elevation, radians."""
    return np.array(
        [
            math.cos(azimuth) * math.cos(height),
            math.sin(azimuth) * math.cos(height),
            math.sin(height),
        ]
    )
