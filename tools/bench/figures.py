"""What a bench measures: figures of several rounds, and how they compare within each round."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

Runner = Callable[[], Mapping[str, float]]
"""Measures once; gives values by their unit, ``frames/s`` for one."""

RATE = "frames/s"
CPU = "CPU ms/frame"
MILLISECONDS = "ms/frame"


@dataclass(frozen=True, slots=True)
class Figure:
    """Something measured in every round.

    Attributes:
        name: What was measured.
        unit: Of the values.
        rounds: The value of each round.
    """

    name: str
    unit: str
    rounds: tuple[float, ...]

    @property
    def median(self) -> float:
        """Of the rounds."""
        return statistics.median(self.rounds)

    @property
    def spread(self) -> tuple[float, float]:
        """Least and most of the rounds."""
        return min(self.rounds), max(self.rounds)

    def as_json(self) -> dict[str, object]:
        """All there is to know, as JSON types."""
        return {
            "name": self.name,
            "unit": self.unit,
            "median": self.median,
            "spread": list(self.spread),
            "rounds": list(self.rounds),
        }


@dataclass(frozen=True, slots=True)
class Comparison:
    """A question to a bench: one thing in units of another.

    Attributes:
        name: Of the thing.
        to: Of its limit or peer.
        unit: Of what is compared.
        aim: The least ratio that is aimed at, None for none.
        limit: The largest, None for none.
    """

    name: str
    to: str
    unit: str = RATE
    aim: float | None = None
    limit: float | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """What a bench gives.

    Attributes:
        bench: Its name.
        figures: By name and unit, in the order they were measured.
        ratios: Answers to `Comparison`: the ratio of each round.
    """

    bench: str
    figures: tuple[Figure, ...]
    ratios: tuple[tuple[Comparison, Figure], ...]

    def as_json(self) -> dict[str, object]:
        """All figures and ratios, as JSON types."""
        return {
            "bench": self.bench,
            "figures": [figure.as_json() for figure in self.figures],
            "ratios": [
                figure.as_json()
                | {"to": asked.to, "of": asked.unit, "aim": asked.aim, "limit": asked.limit}
                for asked, figure in self.ratios
            ],
        }


def measure(
    bench: str,
    runners: Mapping[str, Runner],
    comparisons: Sequence[Comparison] = (),
    *,
    rounds: int,
    warm_up: int = 1,
    progress: Callable[[str], None] = lambda what: None,
) -> Report:
    """Runs everything in turn, round by round, each round in the opposite order.

    A machine that others use, or that grows warm, slows all of a round alike: ratios within a round
    tell more than figures of different rounds.

    Args:
        bench: Name of the report.
        runners: What to measure, by name.
        comparisons: What to compare; those of which one side was not measured are left out.
        rounds: How many are counted.
        warm_up: How many go before.
        progress: Called with what is measured.
    """
    found: dict[tuple[str, str], list[float]] = {}
    for number in range(-warm_up, rounds):
        for name, run in list(runners.items())[:: -1 if number % 2 else 1]:
            progress(f"{bench}: {f'round {number + 1}' if number >= 0 else 'warming up'}, {name}")
            values = run()
            if number >= 0:
                for unit, value in values.items():
                    found.setdefault((name, unit), []).append(value)
    keys = [key for name in runners for key in found if key[0] == name]
    return Report(
        bench,
        tuple(Figure(name, unit, tuple(found[name, unit])) for name, unit in keys),
        compare(found, comparisons),
    )


def compare(
    found: Mapping[tuple[str, str], Sequence[float]], comparisons: Sequence[Comparison]
) -> tuple[tuple[Comparison, Figure], ...]:
    """The ratios of every round, of values by name and unit."""
    ratios = []
    for asked in comparisons:
        ours = found.get((asked.name, asked.unit))
        theirs = found.get((asked.to, asked.unit))
        if ours is not None and theirs is not None:
            quotients = tuple(one / other for one, other in zip(ours, theirs, strict=True))
            ratios.append((asked, Figure(asked.name, "×", quotients)))
    return tuple(ratios)


def three_rounds(median: float, spread: tuple[float, float]) -> tuple[float, ...]:
    """Stands for the rounds of something of which only these are known."""
    return spread[0], median, spread[1]
