"""How the traffic moves: car-following in lanes, controlled by signals.

Vehicles follow the Intelligent Driver Model (Treiber, Hennecke, Helbing 2000). Each lane is a ring:
a vehicle that leaves at its far end enters again at its start, with a new id. The state is
integrated once and kept, so that frames can be requested in any order with the same result.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from stages.records import BoolArray, Float64Array, Int64Array
from stages.scene.road import STEP, RoadPlan

_MAX_STEP = 0.05  # seconds
_WARM_UP = 14.0  # seconds before the first frame, in which queues form
_COMFORTABLE_BRAKE = 2.5
_HARD_BRAKE = 7.0
_STANDSTILL = 2.2  # metres between bumpers in a queue
_GREEN = {2: 11.0, 4: 7.5}  # seconds, by the number of phases
_ALL_RED = 3.5
_STIFF = 13.0  # metres; longer vehicles do not turn at crossings


@dataclass(frozen=True, slots=True, eq=False)
class TrafficState:
    """The moving vehicles at one time.

    Attributes:
        poses: ``(N, 3)`` x, y in metres and heading in radians.
        braking: ``(N,)`` bool, for the brake lights.
        laps: ``(N,)`` int64, how often each vehicle has gone around its lane.
    """

    poses: Float64Array
    braking: BoolArray
    laps: Int64Array


class Traffic:
    """All driving vehicles.

    Vehicles that find no room in the lanes are left out; `count` is the number that drive.

    Args:
        plan: The roads.
        lengths: ``(N,)`` vehicle lengths in metres.
        frame_rate: Frames per second.
        rng: Source of randomness.
    """

    def __init__(
        self, plan: RoadPlan, lengths: Float64Array, frame_rate: Fraction, rng: np.random.Generator
    ) -> None:
        self._substeps = int(np.ceil(float(1 / frame_rate) / _MAX_STEP))
        self._dt = float(1 / frame_rate) / self._substeps
        self._phases, self._green = plan.phases, _GREEN[plan.phases]
        self._cycle_start = rng.uniform(0, self._phases * (self._green + _ALL_RED))
        self._clock = 0.0
        placed = _place(plan, lengths, rng)
        self.count = len(placed)
        lane_of = np.array([lane for lane, _ in placed], dtype=np.int64)
        self._s = np.array([s for _, s in placed], dtype=np.float64)
        self._lengths = lengths[: self.count].astype(np.float64)
        self._ring = np.array([plan.lanes[i].length for i in lane_of])
        self._stop = np.array([plan.lanes[i].stop for i in lane_of])
        self._phase = np.array([plan.lanes[i].phase for i in lane_of], dtype=np.int64)
        self._leader = _leaders(lane_of, self._s)
        limit = rng.uniform(9.0, 15.0) if plan.crossing else rng.uniform(11.0, 22.0)
        self._wanted = limit * rng.normal(1.0, 0.1, self.count).clip(0.75, 1.25)
        self._v = 0.8 * self._wanted
        self._braking = np.zeros(self.count, dtype=bool)
        self._laps = np.zeros(self.count, dtype=np.int64)
        starts = np.cumsum([0] + [len(lane.course) for lane in plan.lanes])
        self._course_start = starts[lane_of]
        self._courses = np.concatenate([lane.course for lane in plan.lanes])
        for _ in range(int(_WARM_UP / self._dt)):
            self._advance()
        self._laps[:] = 0
        self._states = [self._snapshot()]

    def at(self, index: int) -> TrafficState:
        """Returns the state at a 0-based frame index."""
        while len(self._states) <= index:
            for _ in range(self._substeps):
                self._advance()
            self._states.append(self._snapshot())
        return self._states[index]

    def _advance(self) -> None:
        v, lead = self._v, self._leader
        own = lead == np.arange(self.count)
        ahead = np.where(own, self._ring, (self._s[lead] - self._s) % self._ring)
        gap = ahead - (self._lengths[lead] + self._lengths) / 2
        acceleration = self._following(gap, v - v[lead])
        to_stop = self._stop - (self._s + self._lengths / 2)
        halts = self._red() & (to_stop > -0.3) & (to_stop > v * v / (2 * 4.5) - 0.5)
        held = self._following(np.maximum(to_stop + _STANDSTILL - 0.5, 0.05), v)
        acceleration = np.where(halts, np.minimum(acceleration, held), acceleration)
        acceleration = np.clip(acceleration, -_HARD_BRAKE, 2.5)
        self._v = np.maximum(v + acceleration * self._dt, 0.0)
        self._s = self._s + self._v * self._dt
        around = self._s >= self._ring
        self._s = np.where(around, self._s - self._ring, self._s)
        self._laps += around
        self._braking = (acceleration < -0.6) | (self._v < 0.2)
        self._clock += self._dt

    def _following(self, gap: Float64Array, closing: Float64Array) -> Float64Array:
        gap = np.maximum(gap, 0.05)
        wanted_gap = _STANDSTILL + np.maximum(
            0.0, self._v * 1.3 + self._v * closing / (2 * np.sqrt(1.6 * _COMFORTABLE_BRAKE))
        )
        return 1.6 * (1.0 - (self._v / self._wanted) ** 4 - (wanted_gap / gap) ** 2)

    def _red(self) -> BoolArray:
        turn, into = divmod(self._clock + self._cycle_start, self._green + _ALL_RED)
        return (self._phase != int(turn) % self._phases) | (into > self._green)

    def _snapshot(self) -> TrafficState:
        at = self._s / STEP
        low = np.minimum(at.astype(np.int64), (self._ring / STEP).astype(np.int64) - 1)
        share = (at - low)[:, None]
        rows = self._course_start + low
        poses = self._courses[rows] * (1 - share) + self._courses[rows + 1] * share
        return TrafficState(poses, self._braking.copy(), self._laps.copy())


def _place(
    plan: RoadPlan, lengths: Float64Array, rng: np.random.Generator
) -> list[tuple[int, float]]:
    """Returns lane and position of each vehicle in turn, until one finds no room."""
    taken: list[list[tuple[float, float]]] = [[] for _ in plan.lanes]
    # A queue must not reach back around the ring into the crossing.
    room = [0.85 * min(0.8 * lane.length, lane.stop) for lane in plan.lanes]
    placed: list[tuple[int, float]] = []
    for length in lengths:
        for _ in range(200):
            lane = int(rng.integers(len(plan.lanes)))
            ring = plan.lanes[lane].length
            if length > _STIFF and plan.lanes[lane].bends:
                continue
            s = rng.uniform(0, ring)
            free = all(
                min((s - other) % ring, (other - s) % ring) > (length + size) / 2 + 4.0
                for other, size in taken[lane]
            )
            if free and room[lane] > length + 4.0:
                taken[lane].append((s, float(length)))
                room[lane] -= float(length) + 4.0
                placed.append((lane, s))
                break
        else:
            break
    return placed


def _leaders(lanes: Int64Array, positions: Float64Array) -> Int64Array:
    leader = np.arange(len(lanes))
    for lane in np.unique(lanes):
        members = np.flatnonzero(lanes == lane)
        order = members[np.argsort(positions[members])]
        leader[order] = np.roll(order, -1)
    return leader
