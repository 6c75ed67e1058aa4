"""Search on a grid of settings, one setting after the other."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

from tools.tuning.grid import Grid

Settings: TypeAlias = Mapping[str, object]
Objective: TypeAlias = Callable[[Settings], float]


def search(
    objective: Objective, grid: Grid, start: Settings, least_gain: float, most_rounds: int
) -> Settings:
    """Takes each setting in turn to the best value in reach, until none is better.

    From the present value the search goes up and down the grid, over plains too, and turns round
    where the score falls.

    Args:
        objective: Scores settings; greater is better.
        grid: Values of each setting that is searched.
        start: Where to begin; other settings than those of the grid stay.
        least_gain: Smaller improvements are not taken: they are noise, and would not hold.
        most_rounds: Rounds over all settings.

    Returns:
        The best settings found.
    """
    best = dict(start)
    best_score = objective(best)
    for _ in range(most_rounds):
        before = best_score
        for name, values in grid.items():
            found, score = _best_in_reach(objective, values, best, name, best_score, least_gain)
            if score >= best_score + least_gain:
                best, best_score = found, score
        if best_score == before:
            break
    return best


def _best_in_reach(
    objective: Objective,
    values: Sequence[float],
    start: dict[str, object],
    name: str,
    start_score: float,
    tolerance: float,
) -> tuple[dict[str, object], float]:
    """The best settings with another value of ``name`` on the way up and down, and their score."""
    current = start[name]
    assert isinstance(current, int | float)
    ways = (
        [value for value in values if value > current],
        [value for value in reversed(values) if value < current],
    )
    best, best_score = start, -math.inf
    for way in ways:
        for value in way:
            settings = {**start, name: value}
            score = objective(settings)
            if score > best_score:
                best, best_score = settings, score
            if score < max(start_score, best_score) - tolerance:
                break
    return best, best_score
