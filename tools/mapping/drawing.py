"""Maps of a stream's traffic, drawn over an image of its scene."""

from __future__ import annotations

import cv2
import numpy as np

from stages.records import Float32Array, Float64Array, UInt8Array
from tools.mapping.traffic import Traffic

_BLUR = 1 / 120  # of the frame's height
_LEGEND = 1 / 16  # of the frame's height: radius of the disc, and half the length of the bar
_DIMMED = 0.7
_OPACITY = 0.9


def flow_map(traffic: Traffic, scene: UInt8Array) -> UInt8Array:
    """Draws the direction in which vehicles drove.

    A colour stands for a direction, as on the disc at the lower left. It is stronger where more
    vehicles drove. Opposite directions cancel out: where both occur, the more frequent one is left.

    Args:
        traffic: Traffic of the stream.
        scene: ``(H, W, 3)`` uint8 BGR, in the size of the frames.
    """
    x, y = (_blurred(part, _BLUR) for part in np.moveaxis(traffic.drive, -1, 0))
    drawn = _over(scene, _colors_of(x, y), _strength(np.hypot(x, y), 0.98))
    radius = round(len(drawn) * _LEGEND)
    disc_y, disc_x = np.mgrid[-radius : radius + 1, -radius : radius + 1]
    inside = np.hypot(disc_x, disc_y) <= radius - 2
    _add_legend(drawn, _colors_of(disc_x, disc_y) * inside[:, :, None])
    return drawn


def heat_map(traffic: Traffic, scene: UInt8Array) -> UInt8Array:
    """Draws how long vehicles were at each position.

    The bar at the lower left runs from zero to the longest time; colours follow the square root of
    the time.

    Args:
        traffic: Traffic of the stream.
        scene: ``(H, W, 3)`` uint8 BGR, in the size of the frames.
    """
    heat = _strength(_blurred(traffic.stay, 1.5 * _BLUR), 0.995)
    drawn = _over(scene, _heat_colors(heat), np.minimum(1, 3 * heat))
    length = max(1, 2 * round(len(drawn) * _LEGEND))
    bar = np.linspace(0, 1, 2 * length, dtype=np.float32)[None].repeat(max(1, length // 4), axis=0)
    _add_legend(drawn, _heat_colors(bar))
    return drawn


def _blurred(values: Float64Array, share: float) -> Float32Array:
    blur = max(1.0, share * len(values))
    return np.asarray(cv2.GaussianBlur(values.astype(np.float32), (0, 0), blur), np.float32)


def _strength(values: Float32Array, full: float) -> Float32Array:
    """Returns the square roots of the values, 1 from the ``full`` quantile of the non-zero ones."""
    some = values[values > 1e-4]
    return np.sqrt(np.minimum(1, values / np.quantile(some, full))) if some.size else 0 * values


def _colors_of(x: Float32Array, y: Float32Array) -> UInt8Array:
    """Returns a colour for each direction, ``(H, W, 3)`` uint8 BGR; y points down."""
    hue = np.degrees(np.arctan2(-y, x)) % 360 / 2  # OpenCV halves the hue to fit a byte
    full = np.full(hue.shape, 255, np.uint8)
    hsv = np.dstack([hue.astype(np.uint8), full, full])
    return np.asarray(cv2.cvtColor(hsv, cv2.COLOR_HSV2BGR), np.uint8)


def _heat_colors(heat: Float32Array) -> UInt8Array:
    return np.asarray(
        cv2.applyColorMap(np.rint(255 * heat).astype(np.uint8), cv2.COLORMAP_TURBO), np.uint8
    )


def _over(scene: UInt8Array, colors: UInt8Array, strength: Float32Array) -> UInt8Array:
    opacity = _OPACITY * strength[:, :, None]
    grey = _DIMMED * cv2.cvtColor(scene, cv2.COLOR_BGR2GRAY)[:, :, None]
    return np.rint(grey * (1 - opacity) + colors * opacity).astype(np.uint8)


def _add_legend(drawn: UInt8Array, legend: UInt8Array) -> None:
    """Adds a legend at the lower left, cropped to the frame."""
    border = max(2, len(drawn) // 135)
    legend = np.pad(legend, ((border, border), (border, border), (0, 0)))
    corner = drawn[-len(legend) :, : legend.shape[1]]
    corner[:] = legend[-len(corner) :, : corner.shape[1]]
