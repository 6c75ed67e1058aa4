"""Search from neighbour to neighbour on a grid of settings."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

from tools.tuning.grid import Grid

Settings: TypeAlias = Mapping[str, object]
Objective: TypeAlias = Callable[[Sequence[Settings]], Sequence[float]]  # a score for each


def search(
    objective: Objective, grid: Grid, start: Settings, least_gain: float, most_rounds: int
) -> Settings:
    """Takes each setting in turn to a better neighbouring value, until none is better.

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
    best_score = objective([best])[0]
    for _ in range(most_rounds):
        before = best_score
        for name, values in grid.items():
            while True:
                tried = [{**best, name: value} for value in _neighbours(values, best[name])]
                scores = objective(tried)
                top = max(range(len(tried)), key=lambda index: scores[index])
                if scores[top] < best_score + least_gain:
                    break
                best, best_score = tried[top], scores[top]
        if best_score == before:
            break
    return best


def _neighbours(values: Sequence[float], current: object) -> list[float]:
    """The next lower and the next higher value."""
    assert isinstance(current, int | float)
    lower = [value for value in values if value < current][-1:]
    higher = [value for value in values if value > current][:1]
    return lower + higher
