"""What a bench measures: figures of several rounds, and how they compare within each round."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

Runner: TypeAlias = Callable[[], Mapping[str, float]]
"""Measures once; gives values by their unit, ``frames/s`` for one."""

Rounds: TypeAlias = Mapping[tuple[str, str], Sequence[float]]
"""The value of each round, by what was measured and unit."""

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
        """All there is to know, as JSON types; None for a value that does not exist."""
        return {
            "name": self.name,
            "unit": self.unit,
            "median": _finite(self.median),
            "spread": [_finite(value) for value in self.spread],
            "rounds": [_finite(value) for value in self.rounds],
        }


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


@dataclass(frozen=True, slots=True)
class Ratio:
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
        ratios: What was asked, and the ratio of each round.
        descriptions: What was measured, in words, by name; of what its name does not say.
    """

    bench: str
    figures: tuple[Figure, ...]
    ratios: tuple[tuple[Ratio, Figure], ...] = ()
    descriptions: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, bench: str, found: Rounds, ratios: Sequence[Ratio]) -> Report:
        """Of what was measured; ratios of which one side was not are left out."""
        answers = []
        for asked in ratios:
            ours = found.get((asked.name, asked.unit))
            theirs = found.get((asked.to, asked.unit))
            if ours is not None and theirs is not None:
                quotients = tuple(one / other for one, other in zip(ours, theirs, strict=True))
                answers.append((asked, Figure(asked.name, "×", quotients)))
        figures = tuple(Figure(name, unit, tuple(each)) for (name, unit), each in found.items())
        return cls(bench, figures, tuple(answers))

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
) -> Report:
    """`measure_rounds`, with the ratios that are asked for."""
    found = measure_rounds(bench, runners, rounds=rounds, warm_up=warm_up, progress=progress)
    return Report.of(bench, found, ratios)


def measure_rounds(
    bench: str,
    runners: Mapping[str, Runner],
    *,
    rounds: int,
    warm_up: int = 0,
    progress: Callable[[str], None] = lambda what: None,
) -> dict[tuple[str, str], list[float]]:
    """Runs everything in turn, round by round, each round in the opposite order.

    A machine that others use, or that grows warm, slows all of a round alike: ratios within a round
    tell more than figures of different rounds.

    Args:
        bench: Its name, for ``progress``.
        runners: What to measure, by name.
        rounds: How many are counted.
        warm_up: How many go before.
        progress: Called with what is measured.

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
