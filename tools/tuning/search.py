"""Search on a grid of settings, one setting at a time."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from tools.tuning.grid import Grid

Settings: TypeAlias = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Worth:
    """The score of settings.

    Attributes:
        score: Score on all sequences together; greater is better.
        parts: Score on each of them.
    """

    score: float
    parts: tuple[float, ...] = ()

    def improves(self, other: Worth, min_gain: float) -> bool:
        """Returns whether it gains at least ``min_gain``, and no more sequences lose than win."""
        pairs = list(zip(self.parts, other.parts, strict=True))
        losing = sum(mine < theirs for mine, theirs in pairs)
        winning = sum(mine > theirs for mine, theirs in pairs)
        return self.score >= other.score + min_gain and losing <= winning


Objective: TypeAlias = Callable[[Settings], Worth]


def search(
    objective: Objective,
    grid: Grid,
    start: Settings,
    min_gain: float,
    max_rounds: int,
    so_far: Callable[[Settings], None] = lambda settings: None,
) -> Settings:
    """Moves each setting in turn to the best value in reach, until none is better.

    From the current value the search goes up, then down the grid, across plateaus too, and turns
    back at a score more than ``min_gain`` below the best so far. A value with which more sequences
    lose than win is rejected: it would hardly generalise.

    Args:
        objective: Scores settings.
        grid: Values of each setting that is searched.
        start: Settings to begin with; those that are not in the grid stay unchanged.
        min_gain: Smaller improvements are rejected: they are noise, and would not generalise.
        max_rounds: Maximum number of rounds over all settings.
        so_far: Called with the best settings so far, first with the start.

    Returns:
        The best settings found.
    """
    best = dict(start)
    worth = objective(best)
    so_far(best)
    for _ in range(max_rounds):
        before = worth
        for name, values in grid.items():
            best, worth = _best_in_reach(objective, values, best, name, worth, min_gain)
            so_far(best)
        if worth == before:
            break
    return best


def _best_in_reach(
    objective: Objective,
    values: Sequence[float],
    start: dict[str, object],
    name: str,
    worth: Worth,
    min_gain: float,
) -> tuple[dict[str, object], Worth]:
    """Returns the best settings with another ``name`` value, searched up and down, or ``start``."""
    current = start[name]
    assert isinstance(current, int | float)
    directions = (
        [value for value in values if value > current],
        [value for value in reversed(values) if value < current],
    )
    best, best_worth = start, worth
    for direction in directions:
        for value in direction:
            settings = {**start, name: value}
            found = objective(settings)
            if found.improves(worth, min_gain) and found.score > best_worth.score:
                best, best_worth = settings, found
            if found.score < best_worth.score - min_gain:
                break
    return best, best_worth
