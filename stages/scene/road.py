"""The plan of the roads: lanes and their courses, stop lines, crossings, kerbs.

Traffic keeps to the right. Roads run along the world's axes with the crossing at the origin (the
camera's yaw turns the image). At a crossing whose roads have two or more lanes each way, all
outermost lanes turn right: these flows meet no others, and the signals separate the rest, so that
vehicles never cross each other's path. If a plan has left turns, each arm gets green alone, and no
two flows leave in the same lane.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from stages.records import Float64Array
from stages.scene.mesh import Pose

ZEBRA_LENGTH = 3.2  # metres that a zebra crossing takes of the road's length
STEP = 0.5
"""Metres between the samples of a lane's course."""


@dataclass(frozen=True, slots=True)
class Road:
    """One road through the origin.

    Attributes:
        direction: Quarter turns of its first direction of travel from north, 0 or 1.
        lanes: Lanes each way.
        lane_width: Metres.
        median: Width between the two directions, metres.
        pavement: Width of the pavement on each side, metres.
    """

    direction: int
    lanes: int
    lane_width: float
    median: float
    pavement: float

    @property
    def half_width(self) -> float:
        """From the centre line to the kerb, metres."""
        return self.median / 2 + self.lanes * self.lane_width

    def lane_offset(self, lane: int) -> float:
        """Returns the metres from the centre line to a lane's centre; lane 0 is the innermost."""
        return self.median / 2 + (lane + 0.5) * self.lane_width

    def pose(self, x: float, y: float, heading: float = math.pi / 2) -> Pose:
        """Returns the world pose of an object on or beside the road.

        Args:
            x: Metres right of the road's centre line.
            y: Metres from the origin along its first direction of travel.
            heading: 0 to the right, a quarter turn along the road.
        """
        point = turn(np.array([x, y]), self.direction)
        return float(point[0]), float(point[1]), heading - self.direction * math.pi / 2


@dataclass(frozen=True, slots=True, eq=False)
class Lane:
    """One lane.

    Attributes:
        course: ``(N, 3)`` x, y in metres and heading in radians (0 east), every `STEP` metres.
        stop: Metres from the lane's start to its stop line, or infinity.
        phase: Signal phase in which it has green, from 0.
        bends: Whether it turns at the crossing.
    """

    course: Float64Array
    stop: float
    phase: int
    bends: bool

    @property
    def length(self) -> float:
        """Length in metres."""
        return (len(self.course) - 1) * STEP


@dataclass(frozen=True, slots=True, eq=False)
class RoadPlan:
    """Everything that the ground, the traffic and the scenery need to know about the roads.

    Attributes:
        roads: One road, or two that cross.
        lanes: All lanes.
        reach: Roads run from -reach to +reach, metres.
        corner: Radius of the kerb at the crossing's corners, metres.
        left_turns: Whether innermost lanes turn left; each arm then has a signal phase.
    """

    roads: tuple[Road, ...]
    lanes: tuple[Lane, ...]
    reach: float
    corner: float
    left_turns: bool = False

    @property
    def crossing(self) -> bool:
        """Whether two roads cross."""
        return len(self.roads) == 2

    @property
    def phases(self) -> int:
        """Number of signal phases."""
        return 4 if self.left_turns else 2

    def other(self, road: Road) -> Road:
        """Returns the road that crosses ``road``."""
        return self.roads[1 - self.roads.index(road)]

    def turning(self, road: Road, lane: int) -> int:
        """Returns where a lane of ``road`` leads at the crossing: -1 left, 0 straight, 1 right."""
        if not self.crossing:
            return 0
        fewest = min(each.lanes for each in self.roads)
        if self.left_turns and lane == 0 and fewest > 1:
            return -1
        outermost = lane == road.lanes - 1
        return int(outermost and fewest > (2 if self.left_turns else 1))

    def zebra_start(self, road: Road) -> float:
        """Returns the metres from the origin at which the zebra crossing over ``road`` begins."""
        return self.other(road).half_width + 0.62 * self.corner + 1.0

    def stop_distance(self, road: Road) -> float:
        """Returns the metres from the origin to ``road``'s stop lines."""
        return self.zebra_start(road) + ZEBRA_LENGTH + 1.2

    def road_distance(self, x: float, y: float) -> float:
        """Returns the metres from a point to the nearest kerb, negative on the carriageway."""
        distances = [abs(x if road.direction == 0 else y) - road.half_width for road in self.roads]
        return min(distances)

    def lamp_poses(self) -> list[Pose]:
        """Returns the poses of street lamps beside the kerbs; they face the road."""
        poses = []
        for road in self.roads:
            x = road.half_width + 0.8
            for y in np.arange(-self.reach + 12, self.reach, 30.0):
                if self.crossing and abs(y) < self.zebra_start(road):
                    continue
                poses += [road.pose(-x, y, 0.0), road.pose(x, y + 7.0, math.pi)]
        return poses


def turn(points: Float64Array, quarters: int) -> Float64Array:
    """Returns ``(..., 2)`` points turned clockwise by quarter turns around the origin."""
    cos, sin = ((1, 0), (0, -1), (-1, 0), (0, 1))[quarters % 4]
    return points @ np.array([[cos, sin], [-sin, cos]], dtype=np.float64)


def make_plan(rng: np.random.Generator, crossing: bool, reach: float, varied: bool) -> RoadPlan:
    """Draws roads at random."""
    width = rng.uniform(3.1, 3.7)
    roads = [_road(rng, 0, width, varied, wide=not crossing)]
    corner = 0.0
    if crossing:
        roads.append(_road(rng, 1, width, varied, wide=False))
        corner = rng.uniform(5.5, 8.0)
    left_turns = varied and crossing and rng.random() < 0.6
    plan = RoadPlan(tuple(roads), (), reach, corner, left_turns)
    lanes = [
        _lane(plan, road, road.direction + 2 * way, lane)
        for road in roads
        for way in range(2)
        for lane in range(road.lanes)
    ]
    return replace(plan, lanes=tuple(lanes))


def _road(rng: np.random.Generator, direction: int, width: float, varied: bool, wide: bool) -> Road:
    choices = ((2, 3, 4, 5) if wide else (1, 2, 3, 3, 4)) if varied else (2, 3)
    median = float(rng.choice([0.3, 0.3, 1.2, 2.5]) if varied else 0.3)
    return Road(direction, int(rng.choice(choices)), width, median, rng.uniform(2.0, 4.0))


def _lane(plan: RoadPlan, road: Road, quarters: int, lane: int) -> Lane:
    """Returns a lane whose traffic comes from the south, turned clockwise by ``quarters``."""
    offset, reach = road.lane_offset(lane), plan.reach
    stop = math.inf
    points = np.array([[offset, -reach], [offset, reach]])
    if plan.crossing:
        stop = reach - plan.stop_distance(road)
        other = plan.other(road)
        turning = plan.turning(road, lane)
        if turning > 0:
            radius = plan.corner + plan.roads[0].lane_width / 2
            leave = other.lane_offset(other.lanes - 1)
            arc = _arc((offset + radius, -leave - radius), radius, math.pi, 24)
            points = np.concatenate([[[offset, -reach]], arc, [[reach, -leave]]])
        elif turning < 0:
            leave = other.lane_offset(0)
            radius = leave + 0.7 * max(road.half_width, other.half_width)
            arc = _arc((offset - radius, leave - radius), radius, 0.0, 36)
            points = np.concatenate([[[offset, -reach]], arc, [[-reach, leave]]])
    phase = quarters % 4 if plan.left_turns else road.direction
    return Lane(_sample(turn(points, quarters)), stop, phase, len(points) > 2)


def _arc(center: tuple[float, float], radius: float, start: float, count: int) -> Float64Array:
    """Returns ``(count, 2)`` points of a quarter circle from the angle ``start`` to the top."""
    angle = np.linspace(start, math.pi / 2, count)
    return np.array(center) + radius * np.column_stack([np.cos(angle), np.sin(angle)])


def _sample(points: Float64Array) -> Float64Array:
    """Returns a lane's course along a polyline, see `Lane`."""
    steps = np.hypot(*np.diff(points, axis=0).T)
    along = np.concatenate([[0.0], np.cumsum(steps)])
    at = np.arange(0.0, along[-1], STEP)
    x, y = np.interp(at, along, points[:, 0]), np.interp(at, along, points[:, 1])
    heading = np.unwrap(np.arctan2(np.gradient(y), np.gradient(x)))
    # A long vehicle does not follow the bend of the kerb: its heading changes more slowly.
    padded = np.pad(heading, 4, mode="edge")
    heading = np.convolve(padded, np.full(9, 1 / 9), mode="valid")
    return np.column_stack([x, y, heading])
