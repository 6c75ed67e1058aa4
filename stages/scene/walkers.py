"""People and riders who go back and forth beside the lanes and across the crossing."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from stages.records import Float64Array
from stages.scene.mesh import Pose
from stages.scene.palette import pick
from stages.scene.road import ZEBRA_LENGTH, Road, RoadPlan

_AWAY = 1e4  # metres; walkers who would stand in a vehicle are moved this far away
_ROOM = 0.7  # metres kept from vehicles
RIDING = 2.5  # metres per second; faster walkers ride


@dataclass(frozen=True, slots=True)
class Walker:
    """A person who goes back and forth on a line along a road.

    Attributes:
        road: The road.
        offset: Metres right of the road's centre line.
        start: Where the line begins, metres from the origin along the road.
        end: Where it ends.
        walked: Metres walked at time 0.
        speed: Metres per second.
    """

    road: Road
    offset: float
    start: float
    end: float
    walked: float
    speed: float

    def pose(self, seconds: float) -> Pose:
        """Returns x, y in metres and heading in radians."""
        span = self.end - self.start
        phase = (self.walked + self.speed * seconds) % (2 * span)
        if phase < span:
            return self.road.pose(self.offset, self.start + phase)
        return self.road.pose(self.offset, self.start + (2 * span - phase), -math.pi / 2)


def pavement_walkers(
    rng: np.random.Generator, plan: RoadPlan, count: int, riding_share: float = 0.15
) -> list[Walker]:
    """Returns people on the pavements, some of them riding."""
    walkers = []
    for _ in range(count):
        road = pick(rng, plan.roads)
        start = plan.zebra_start(road) + 2.0 if plan.crossing else -plan.reach
        side, half = (1 if rng.random() < 0.5 else -1), (1 if rng.random() < 0.5 else -1)
        riding = rng.random() < riding_share
        offset = side * (road.half_width + rng.uniform(0.7, max(road.pavement - 0.3, 0.8)))
        low, high = (start, plan.reach - 5) if half > 0 else (5 - plan.reach, -start)
        walkers.append(
            Walker(
                road,
                offset,
                min(low, high),
                max(low, high),
                rng.uniform(0, 2 * abs(high - low)),
                rng.uniform(3, 5.5) if riding else rng.uniform(0.0, 1.6),
            )
        )
    return walkers


def crossing_walkers(rng: np.random.Generator, plan: RoadPlan, count: int) -> list[Walker]:
    """Returns people on the zebra crossings, and riders anywhere between the stop lines."""
    if not plan.crossing:
        return []
    walkers = []
    for _ in range(count):
        road = pick(rng, plan.roads)
        other, side = plan.other(road), (1 if rng.random() < 0.5 else -1)
        reach = other.half_width + 2.0
        if rng.random() < 0.5:
            zebra = plan.zebra_start(other)
            offset = side * (zebra + rng.uniform(0.2, ZEBRA_LENGTH - 0.2))
            speed = rng.uniform(0.0, 1.6) if rng.random() < 0.6 else rng.uniform(3, 5)
        else:
            offset, reach = side * rng.uniform(0, plan.zebra_start(other)), reach + 15.0
            speed = rng.uniform(3, 6)
        walked = rng.uniform(0, 4 * reach)
        walkers.append(Walker(road, offset, -reach, reach, walked, speed))
    return walkers


def hide_colliding_walkers(
    walking: Float64Array, driving: Float64Array, half_sizes: Float64Array
) -> None:
    """Moves walkers who would stand in a vehicle out of view, in place.

    Args:
        walking: ``(W, 3)`` poses.
        driving: ``(N, 3)`` poses of vehicles.
        half_sizes: ``(N, 2)`` half length and half width of the vehicles, metres.
    """
    cos, sin = np.cos(driving[:, 2]), np.sin(driving[:, 2])
    offset = walking[:, None, :2] - driving[None, :, :2]
    along = np.abs(offset[..., 0] * cos + offset[..., 1] * sin)
    aside = np.abs(offset[..., 1] * cos - offset[..., 0] * sin)
    inside = (along < half_sizes[:, 0] + _ROOM) & (aside < half_sizes[:, 1] + _ROOM)
    walking[inside.any(axis=1), :2] = -_AWAY
