"""Figures that a bench measures in several rounds, and their ratios within each round."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

Runner: TypeAlias = Callable[[], Mapping[str, float]]
"""Measures once; returns values by unit, such as ``frames/s``."""

Rounds: TypeAlias = Mapping[tuple[str, str], Sequence[float]]
"""Values of each round, by name and unit."""

RATE = "frames/s"
CPU = "CPU ms/frame"
MILLISECONDS = "ms/frame"


@dataclass(frozen=True, slots=True)
class Figure:
    """A quantity measured in every round.

    Attributes:
        name: Name of the measured object.
        unit: Unit of the values.
        rounds: The value of each round.
    """

    name: str
    unit: str
    rounds: tuple[float, ...]

    @property
    def median(self) -> float:
        """Median of the rounds."""
        return statistics.median(self.rounds)

    @property
    def spread(self) -> tuple[float, float]:
        """Minimum and maximum of the rounds."""
        return min(self.rounds), max(self.rounds)

    def as_json(self) -> dict[str, object]:
        """Returns everything as JSON types, except that non-finite numbers stay as they are."""
        return {
            "name": self.name,
            "unit": self.unit,
            "median": self.median,
            "spread": self.spread,
            "rounds": self.rounds,
        }


@dataclass(frozen=True, slots=True)
class Ratio:
    """A requested ratio of one figure to another.

    Attributes:
        name: Name of the figure.
        to: Name of the limit or peer that it is divided by.
        unit: Unit of the compared values.
        aim: Target minimum of the ratio; None for none.
        limit: Target maximum of the ratio; None for none.
    """

    name: str
    to: str
    unit: str = RATE
    aim: float | None = None
    limit: float | None = None


@dataclass(frozen=True, slots=True)
class BenchReport:
    """Result of a bench.

    Attributes:
        bench: Name of the bench.
        figures: Figures by name and unit, in the order of measurement.
        ratios: Each requested ratio, and its value in each round.
        descriptions: Descriptions by name, for names that do not explain themselves.
    """

    bench: str
    figures: tuple[Figure, ...]
    ratios: tuple[tuple[Ratio, Figure], ...] = ()
    descriptions: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, bench: str, found: Rounds, ratios: Sequence[Ratio]) -> BenchReport:
        """Builds the report; ratios with an unmeasured side are left out."""
        measured = []
        for request in ratios:
            ours = found.get((request.name, request.unit))
            theirs = found.get((request.to, request.unit))
            if ours is not None and theirs is not None:
                quotients = tuple(one / other for one, other in zip(ours, theirs, strict=True))
                measured.append((request, Figure(request.name, "×", quotients)))
        figures = tuple(Figure(name, unit, tuple(each)) for (name, unit), each in found.items())
        return cls(bench, figures, tuple(measured))

    def as_json(self) -> dict[str, object]:
        """Returns all figures and ratios as JSON types."""
        return {
            "bench": self.bench,
            "figures": [figure.as_json() for figure in self.figures],
            "ratios": [
                figure.as_json()
                | {"to": request.to, "of": request.unit, "aim": request.aim, "limit": request.limit}
                for request, figure in self.ratios
            ],
            "descriptions": dict(self.descriptions),
        }


def measure(
    bench: str,
    runners: Mapping[str, Runner],
    ratios: Sequence[Ratio] = (),
    *,
    rounds: int,
    warm_up: int = 1,
    progress: Callable[[str], None] = lambda what: None,
) -> BenchReport:
    """Runs `measure_rounds` and adds the requested ratios."""
    found = measure_rounds(bench, runners, rounds=rounds, warm_up=warm_up, progress=progress)
    return BenchReport.of(bench, found, ratios)


def measure_rounds(
    bench: str,
    runners: Mapping[str, Runner],
    *,
    rounds: int,
    warm_up: int = 0,
    progress: Callable[[str], None] = lambda what: None,
) -> dict[tuple[str, str], list[float]]:
    """Runs everything in turn, round by round, reversing the order after each round.

    A shared or warming machine slows everything in a round alike, so ratios within a round are more
    reliable than comparisons between rounds.

    Args:
        bench: Name of the bench, for ``progress``.
        runners: What to measure, by name.
        rounds: Number of counted rounds.
        warm_up: Number of uncounted rounds before them.
        progress: Called with what is being measured.

    Returns:
        `Rounds`, in the order of ``runners``.
    """
    found: dict[tuple[str, str], list[float]] = {}
    for number in range(-warm_up, rounds):
        for name, run in list(runners.items())[:: -1 if number % 2 else 1]:
            progress(f"{bench}: {f'round {number + 1}' if number >= 0 else 'warming up'}, {name}")
            values = run()
            if number >= 0:
                for unit, value in values.items():
                    found.setdefault((name, unit), []).append(value)
    return {key: found[key] for name in runners for key in found if key[0] == name}
