"""A pinhole camera above the ground plane, and how it moves.

World coordinates are metres: x east, y north, z up, the ground is z = 0. Camera coordinates are
x right, y down, z forward. Image coordinates have pixel centres at whole numbers, as in OpenCV.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from stages.records import Float64Array
from stages.scene.viewpoints import Viewpoint

CLEAR_AROUND_CAMERA = 16.0  # metres along the ground in which nothing tall stands
_LOW = 22.0  # metres; a camera below this height can be blocked by a nearby object


@dataclass(frozen=True, slots=True, eq=False)
class Camera:
    """One camera pose.

    Attributes:
        position: ``(3,)`` metres.
        rotation: ``(3, 3)``, rows are the camera's right, down and forward axes in the world.
        focal: Focal length in pixels.
        center: Principal point ``(x, y)`` in pixels.
    """

    position: Float64Array
    rotation: Float64Array
    focal: float
    center: tuple[float, float]

    def to_camera(self, points: Float64Array) -> Float64Array:
        """Converts world ``(N, 3)`` to camera coordinates ``(N, 3)``."""
        return (points - self.position) @ self.rotation.T

    def to_image(self, points: Float64Array) -> Float64Array:
        """Projects camera coordinates ``(N, 3)`` to pixels ``(N, 2)``; depth is at least 0.1 m."""
        depth = np.maximum(points[:, 2:], 0.1)
        return points[:, :2] * (self.focal / depth) + self.center

    def fall(self, x: Any, y: Any) -> Any:
        """Returns how far pixel rays descend per metre of depth, negative above the horizon.

        Args:
            x: ``(column - center) / focal`` of the pixels, a number or an array.
            y: ``(row - center) / focal``, a number or an array; the two broadcast.
        """
        right, down, forward = self.rotation[:, 2].tolist()  # Python floats keep arrays float32
        return -(right * x + down * y + forward)

    def ground_homography(self) -> Float64Array:
        """Returns the ``(3, 3)`` map from ground ``(x, y, 1)`` to homogeneous pixels."""
        intrinsic = np.array(
            [[self.focal, 0, self.center[0]], [0, self.focal, self.center[1]], [0, 0, 1.0]]
        )
        pose = np.column_stack(
            [self.rotation[:, 0], self.rotation[:, 1], -self.rotation @ self.position]
        )
        return intrinsic @ pose


def look(yaw: float, pitch: float, roll: float) -> Float64Array:
    """Returns the rotation of a camera facing ``yaw``, ``pitch`` below level.

    Angles are in radians; yaw is 0 to the east and counter-clockwise, and pitch pi/2 looks straight
    down. The rows of the ``(3, 3)`` matrix are the camera's right, down and forward axes in the
    world.
    """
    forward = np.array(
        [math.cos(yaw) * math.cos(pitch), math.sin(yaw) * math.cos(pitch), -math.sin(pitch)]
    )
    right = np.array([math.sin(yaw), -math.cos(yaw), 0.0])
    down = np.cross(forward, right)
    cos, sin = math.cos(roll), math.sin(roll)
    return np.stack([cos * right + sin * down, cos * down - sin * right, forward])


@dataclass(frozen=True, slots=True)
class CameraPath:
    """The camera's pose at any time, in closed form, so that any frame can be rendered alone.

    The camera glides on a slow ellipse around ``base`` (which keeps an endless scene inside the
    world), turns slowly back and forth, and shakes a little. A camera on a mast has a tiny ellipse.

    Attributes:
        base: ``(x, y, z)`` metres.
        yaw: Radians, 0 east, counter-clockwise.
        pitch: Radians below level.
        roll: Radians.
        focal: Pixels.
        center: Principal point in pixels.
        glide: Half axes of the ellipse along x, y and z in metres.
        glide_rate: Radians per second on the ellipse.
        yaw_swing: Radians the yaw turns to each side.
        shake: Amplitude of a quick shake, radians.
        phases: Random phases, radians.
        highest_block: Maximum height of city blocks, metres: a drone flies well above them.
    """

    base: tuple[float, float, float]
    yaw: float
    pitch: float
    roll: float
    focal: float
    center: tuple[float, float]
    glide: tuple[float, float, float]
    glide_rate: float
    yaw_swing: float
    shake: float
    phases: tuple[float, ...]
    highest_block: float = math.inf

    def at(self, seconds: float) -> Camera:
        """Returns the camera at a time."""
        p, turn = self.phases, self.glide_rate * seconds
        position = np.array(self.base) + np.array(self.glide) * [
            math.sin(turn + p[0]),
            math.sin(turn * 0.83 + p[1]),
            math.sin(turn * 0.61 + p[2]),
        ]
        yaw = self.yaw + self.yaw_swing * math.sin(turn * 0.71 + p[3])
        yaw += self.shake * _sway(seconds, p[4])
        pitch = self.pitch + self.shake * _sway(seconds, p[5])
        roll = self.roll + 0.5 * self.shake * _sway(seconds, p[6])
        return Camera(position, look(yaw, pitch, roll), self.focal, self.center)

    def distance(self, x: float, y: float) -> float:
        """Returns the metres along the ground from the point below the camera."""
        return math.hypot(x - self.base[0], y - self.base[1])

    def is_blocked_at(self, x: float, y: float, radius: float) -> bool:
        """Returns whether a tall object at a ground point would stand in front of a low camera."""
        if self.base[2] > _LOW:
            return False
        dx, dy = x - self.base[0], y - self.base[1]
        ahead = dx * math.cos(self.yaw) + dy * math.sin(self.yaw)
        aside = abs(dy * math.cos(self.yaw) - dx * math.sin(self.yaw))
        return math.hypot(dx, dy) < CLEAR_AROUND_CAMERA + radius or (
            0 < ahead < 26 and aside < radius + 4 + 0.35 * ahead
        )


def _sway(seconds: float, phase: float) -> float:
    """Returns the value of a quick, aperiodic motion, from about -1 to 1."""
    return (
        0.6 * math.sin(2.1 * seconds + phase)
        + 0.3 * math.sin(5.3 * seconds + 2.7 * phase)
        + 0.15 * math.sin(11.9 * seconds + 5.1 * phase)
    )


def drone_path(
    rng: np.random.Generator, width: int, height: int, varied: bool, road_yaw: float | None
) -> CameraPath:
    """Returns the path of a drone aimed near the origin or near a straight road of ``road_yaw``."""
    field = math.radians(rng.uniform(45, 78) if varied else 62)
    focal = width / 2 / math.tan(field / 2)
    up = rng.uniform(16, 75) if varied else rng.uniform(42, 50)
    pitch = math.radians(rng.uniform(28, 90) if varied else rng.uniform(46, 60))
    if varied and rng.random() < 0.25:
        pitch = math.radians(rng.uniform(82, 90))
    yaw = rng.uniform(-math.pi, math.pi)
    back = min(up / math.tan(pitch), 60.0)
    aim = rng.normal(0, 6.0 if varied else 2.0, 2)
    reach = rng.uniform(2, 12) if varied else 8.0
    if road_yaw is not None:  # anywhere along the road, but not beside it
        along = np.array([math.cos(road_yaw), math.sin(road_yaw)])
        aim = along * rng.uniform(-25, 25) + rng.normal(0, 3, 2)
    base = (aim[0] - math.cos(yaw) * back, aim[1] - math.sin(yaw) * back, up)
    return CameraPath(
        base=base,
        yaw=yaw,
        pitch=pitch,
        roll=math.radians(rng.normal(0, 2.5 if varied else 0.6)),
        focal=focal,
        center=((width - 1) / 2, (height - 1) / 2),
        glide=(reach, reach, 0.04 * up),
        glide_rate=rng.uniform(0.15, 0.3),
        yaw_swing=math.radians(rng.uniform(2, 10)),
        shake=math.radians(0.12),
        phases=tuple(rng.uniform(0, 2 * math.pi, 7)),
        highest_block=0.35 * up,
    )


def mast_path(
    rng: np.random.Generator, width: int, height: int, varied: bool, viewpoint: Viewpoint
) -> CameraPath:
    """Returns the path of a camera on a mast, with a height and a lens that suit the viewpoint."""
    stand, target = viewpoint.stand, viewpoint.target
    field = math.radians(rng.uniform(*viewpoint.fields))
    up = rng.uniform(*viewpoint.heights)
    dx, dy = target[0] - stand[0], target[1] - stand[1]
    pitch = math.atan2(up, math.hypot(dx, dy))
    if varied:
        pitch = min(max(pitch + math.radians(rng.normal(0, 5)), math.radians(7)), 1.1)
    return CameraPath(
        base=(stand[0], stand[1], up),
        yaw=math.atan2(dy, dx) + (math.radians(rng.normal(0, 8)) if varied else 0.0),
        pitch=pitch,
        roll=math.radians(rng.normal(0, 2.0 if varied else 0.5)),
        focal=width / 2 / math.tan(field / 2),
        center=((width - 1) / 2, (height - 1) / 2),
        glide=(0.01, 0.01, 0.0),
        glide_rate=1.7,
        yaw_swing=0.0,
        shake=math.radians(0.05),
        phases=tuple(rng.uniform(0, 2 * math.pi, 7)),
    )
