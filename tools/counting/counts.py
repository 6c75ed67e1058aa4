"""The counts of a stream, and tables of them."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, product
from operator import attrgetter
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from stages.result_files import CROSSINGS, GROUND, TIMES, ZONES
from tools.counting.frames import StoredViews
from tools.counting.intervals import Clock, Interval, Moment
from tools.counting.occupancy import Occupancy, OccupancyCounts, frames_by_content
from tools.counting.recount import Recount
from tools.counting.track_file import TrackFile
from tools.results.reference import is_on_picture
from tools.results.rows import rows

Row: TypeAlias = dict[str, object]


class Crossing(NamedTuple):
    """A vehicle crossed a line; ``speed`` is in km/h, None if unknown."""

    interval: Interval
    line: str
    direction: str
    class_name: str
    speed: float | None


class Turn(NamedTuple):
    """The first line that a vehicle crossed, in ``interval``, and the last.

    If it crossed only once, ``last`` is "". ``seconds`` passed between the two, None if unknown.
    """

    interval: Interval
    first: str
    last: str
    class_name: str
    seconds: float | None


class ZoneEvent(NamedTuple):
    """A vehicle entered a zone, stayed or left after ``seconds``, or was lost there."""

    interval: Interval
    zone: str
    class_name: str
    event: str
    seconds: float


@dataclass
class StreamCounts:
    """The counts of a stream over all the runs that were added.

    Attributes:
        frames: Number of frames in each interval that has any.
        crossings: Line crossings of vehicles.
        turns: A turn of each vehicle that crossed a line.
        zone_events: Events in zones.
        occupancies: How full the zones were.
    """

    frames: Counter[Interval] = field(default_factory=Counter)
    crossings: list[Crossing] = field(default_factory=list)
    turns: list[Turn] = field(default_factory=list)
    zone_events: list[ZoneEvent] = field(default_factory=list)
    occupancies: OccupancyCounts = field(default_factory=OccupancyCounts)

    @property
    def is_dated(self) -> bool:
        """Whether times are those of a camera, which states the date."""
        crossed = (each.interval for each in self.crossings)
        stayed = (each.interval for each in self.zone_events)
        return any(interval.utc_offset for interval in chain(self.frames, crossed, stayed))

    def add(self, run: Path | TrackFile, clock: Clock, recount: Recount | None = None) -> None:
        """Adds the counts that a run has left in the stream's folder.

        Args:
            run: The folder; or tracks without times.
            clock: Finds the intervals.
            recount: Counts to add in place of those that the run has left; a `TrackFile` needs it.

        Raises:
            ConfigError: A row is malformed.
        """
        if recount is not None:
            crossed, events = recount.crossings, recount.zone_events
        else:
            assert isinstance(run, Path)  # tracks without times have no counts of their own
            crossed = [*rows(run, CROSSINGS, int, clock.moment, int, str, str, str)]
            events = [*rows(run, ZONES, int, clock.interval, int, str, str, str, float)]
        times: Iterable[tuple[Any, ...]]
        if isinstance(run, TrackFile):
            times = ((number, clock.interval(time)) for number, time in run.times())
        else:
            times = rows(run, TIMES, int, clock.interval)
            if is_on_picture(run):  # in the other frames, nothing is counted
                views = StoredViews(run)
                times = (row for row in times if views.of(row[0]))
        for interval, frames, inside in frames_by_content(times, events):
            self.frames[interval] += frames
            self.occupancies.add(interval, frames, inside)
        crossed.sort(key=lambda row: row[0])  # they are written once confirmed
        speeds: Mapping[tuple[int, int], float | None]
        if recount is not None and recount.speeds is not None:
            speeds = recount.speeds
        else:
            speeds = _speeds(run, {(frame, vehicle) for frame, _, vehicle, *_ in crossed})
        crossings = defaultdict(list)
        for frame, moment, vehicle, class_name, line, direction in crossed:
            speed = speeds.get((frame, vehicle))
            self.crossings.append(Crossing(moment.interval, line, direction, class_name, speed))
            crossings[vehicle].append((moment, line, class_name))
        self.turns += map(_turn, crossings.values())
        self.zone_events += [
            ZoneEvent(when, zone, name, *event) for _, when, _, name, zone, *event in events
        ]


def _turn(crossings: Sequence[tuple[Moment, str, str]]) -> Turn:
    """Returns the turn of a vehicle from the time, line and class of each of its crossings."""
    (begin, first, _), (end, last, class_name) = crossings[0], crossings[-1]
    if len(crossings) == 1:
        return Turn(begin.interval, first, "", class_name, None)
    seconds = end.seconds - begin.seconds
    # This machine's clock, by which a camera's frames are dated, may have been set back.
    return Turn(begin.interval, first, last, class_name, seconds if seconds >= 0 else None)


def _speeds(
    run: Path | TrackFile, wanted: set[tuple[int, int]]
) -> dict[tuple[int, int], float | None]:
    """Returns speeds by frame and vehicle; unknown ones are None or missing."""
    # The file is large: it has a row for each vehicle and frame.
    if isinstance(run, TrackFile) or not wanted:
        return {}
    return {
        (frame, vehicle): speed
        for frame, vehicle, _, _, speed in rows(run, GROUND, int, int, str, str, _speed)
        if (frame, vehicle) in wanted
    }


def _speed(text: str) -> float | None:
    return float(text) if text else None


@dataclass(frozen=True)
class CountTable:
    """A kind of table.

    Attributes:
        events: Returns the events to count.
        columns: Columns by which events are grouped: headings, and attributes of an event.
        cells: Returns the last cells of a row from the events that the row counts, and the number
            of frames in the row's intervals.
    """

    events: Callable[[StreamCounts], Sequence[Any]]
    columns: Mapping[str, str]
    cells: Callable[[Sequence[Any], int], Row]

    @property
    def headings(self) -> list[str]:
        """The columns of `by_interval`."""
        return ["begin", "utc_offset", "frames", *self.columns, *self.cells((), 0)]

    def by_interval(self, counts: StreamCounts) -> list[Row]:
        """Returns a row for each interval and group, even if nothing was counted.

        An interval without frames has no rows, unless something was counted in it: its
        ``times.txt`` was removed.
        """
        groups = _grouped(self.events(counts), ("interval", *self.columns.values()))
        intervals = sorted({*counts.frames, *(interval for interval, *_ in groups)})
        return [
            {
                "begin": interval.begin,
                "utc_offset": interval.utc_offset,
                "frames": counts.frames[interval] or "",
                **dict(zip(self.columns, key, strict=True)),
                **self.cells(groups.get((interval, *key), ()), counts.frames[interval]),
            }
            for interval, key in product(intervals, sorted({group[1:] for group in groups}))
        ]

    def sums(self, counts: StreamCounts, *, by_class: bool = False) -> list[Row]:
        """Returns a row for each group, over all intervals and classes.

        Args:
            counts: The counts of a stream.
            by_class: Whether each row is followed by one for each of its classes if the table has
                several; all rows then have the class, those over all classes ``all``.
        """
        columns = [heading for heading in self.columns if heading != "class"]
        found = self.events(counts)
        groups = _grouped(found, [self.columns[heading] for heading in columns])
        by_class &= len({each.class_name for each in found} - {""}) > 1  # "" is unknown
        frames = counts.frames.total()
        rows: list[Row] = []
        for key, events in sorted(groups.items()):
            group: Row = dict(zip(columns, key, strict=True))
            if not by_class:
                rows.append({**group, **self.cells(events, frames)})
                continue
            rows.append({**group, "class": "all", **self.cells(events, frames)})
            for (name,), part in sorted(_grouped(events, ["class_name"]).items()):
                rows.append({**group, "class": name, **self.cells(part, frames)})
        return rows


def _grouped(events: Sequence[Any], by: Sequence[str]) -> dict[tuple[Any, ...], list[Any]]:
    groups = defaultdict(list)
    for event in events:
        groups[tuple(getattr(event, each) for each in by)].append(event)
    return groups


def _turns(counts: StreamCounts) -> list[Turn]:
    """Returns the turns; those of a single crossing only if several lines were crossed."""
    has_several = len({each.line for each in counts.crossings}) > 1
    return [turn for turn in counts.turns if has_several or turn.last]


def _crossing_cells(crossings: Sequence[Crossing], _frames: int) -> Row:
    speeds = [each.speed for each in crossings if each.speed is not None]
    return {"vehicles": len(crossings), "mean_km_h": _mean(speeds), "p85_km_h": _p85(speeds)}


def _turn_cells(turns: Sequence[Turn], _frames: int) -> Row:
    times = [each.seconds for each in turns if each.seconds is not None]
    return {"vehicles": len(turns), "mean_travel_s": _mean(times), "p85_travel_s": _p85(times)}


def _zone_cells(found: Sequence[ZoneEvent | Occupancy], frames: int) -> Row:
    events = [each for each in found if isinstance(each, ZoneEvent)]
    inside = [each for each in found if isinstance(each, Occupancy)]
    kinds = Counter(each.event for each in events)
    left = [each.seconds for each in events if each.event == "leave"]
    vehicle_frames = sum(each.vehicle_frames for each in inside)
    # The largest numbers of several classes may be of different frames.
    together = len({each.class_name for each in inside}) > 1
    most = max((each.most_of_all if together else each.most for each in inside), default=0)
    return {
        "entered": kinds["enter"],
        "left": len(left),
        "lost": kinds["lost"],
        "mean_stay_s": _mean(left),
        "long_stays": kinds["stay"],
        "mean_vehicles": f"{vehicle_frames / frames:.2f}" if frames else "",
        "max_vehicles": most if frames else "",
    }


def _mean(values: Sequence[float]) -> str:
    return f"{np.mean(values):.1f}" if values else ""


def _p85(values: Sequence[float]) -> str:
    return f"{np.percentile(values, 85):.1f}" if values else ""


TABLES = {
    "crossings": CountTable(
        attrgetter("crossings"),
        {"line": "line", "direction": "direction", "class": "class_name"},
        _crossing_cells,
    ),
    "turns": CountTable(
        _turns,
        {"from": "first", "to": "last", "class": "class_name"},
        _turn_cells,
    ),
    "zones": CountTable(
        lambda counts: [*counts.zone_events, *counts.occupancies.values()],
        {"zone": "zone", "class": "class_name"},
        _zone_cells,
    ),
}
