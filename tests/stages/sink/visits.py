"""Vehicles that visit zones, for tests."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction

from stages.measurements import ZoneEvent
from stages.records import FrameHeader
from stages.sink.zones import Zone, ZoneCounter
from tests.stages.sink.conftest import make_header, make_tracks

SQUARE: Zone = ((20, 20), (80, 20), (80, 80), (20, 80))
ARCH: Zone = ((0, 0), (90, 0), (90, 90), (60, 90), (60, 30), (30, 30), (30, 90), (0, 90))
AWAY = (200.0, 200.0)


def box(x: float, y: float) -> list[float]:
    """Returns a 20x20 box with its bottom centre at x, y; its jitter tolerance is 2 pixels."""
    return [x - 10, y - 20, x + 10, y]


def at(second: float, epoch: int = 0) -> FrameHeader:
    return make_header(0, pts=round(100 * second), time_base=Fraction(1, 100), epoch=epoch)


def events(
    counter: ZoneCounter, *positions: Iterable[float], identity: int = 1, first: int = 1
) -> list[ZoneEvent]:
    """Returns the events of a vehicle at ``positions``, one per frame, at 1 frame/s."""
    return [
        event
        for number, position in enumerate(positions, first)
        for event in counter.update(
            make_tracks(at(number), [box(*position)], [identity]), number, f"{number}.0"
        )
    ]


def summaries(happened: Iterable[ZoneEvent]) -> list[tuple[str, str, int, float]]:
    return [(each.zone, each.kind, each.number, each.seconds) for each in happened]
