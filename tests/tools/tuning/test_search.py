from __future__ import annotations

from tools.tuning.search import Settings, Worth, search

GRID = {"x": (0, 1, 2, 3, 4, 5), "y": (0.0, 0.5, 1.0)}


def number(settings: Settings, name: str) -> float:
    value = settings[name]
    assert isinstance(value, int | float)
    return float(value)


def hill(settings: Settings) -> Worth:
    """Best at x = 4, y = 1."""
    return Worth(-((number(settings, "x") - 4) ** 2) - (number(settings, "y") - 1) ** 2)


def test_climbs_to_the_top() -> None:
    found = search(hill, GRID, {"x": 0, "y": 0.0, "other": 7}, 0.01, 5)
    assert found == {"x": 4, "y": 1.0, "other": 7}


def test_gains_below_the_minimum_are_rejected() -> None:
    assert search(hill, GRID, {"x": 4, "y": 0.5}, 0.3, 5) == {"x": 4, "y": 0.5}


def test_a_start_between_grid_values_moves_to_its_neighbors() -> None:
    assert search(hill, GRID, {"x": 3.4, "y": 0.7}, 0.01, 5) == {"x": 4, "y": 1.0}


def test_rounds_are_limited() -> None:
    """x pays off only after y, so two rounds are needed."""

    def ridge(settings: Settings) -> Worth:
        return Worth((number(settings, "x") + 1) * number(settings, "y"))

    assert search(ridge, GRID, {"x": 0, "y": 0.0}, 0.01, 1) == {"x": 0, "y": 1.0}
    assert search(ridge, GRID, {"x": 0, "y": 0.0}, 0.01, 2) == {"x": 5, "y": 1.0}


def test_plateaus_are_crossed_but_slopes_are_not_followed_down() -> None:
    heights = {0: 1.0, 1: 1.0, 2: 1.0, 3: 5.0, 4: 0.0, 5: 9.0}
    tried = []

    def plateau(settings: Settings) -> Worth:
        tried.append(settings["x"])
        return Worth(heights[int(number(settings, "x"))])

    assert search(plateau, {"x": (0, 1, 2, 3, 4, 5)}, {"x": 1}, 0.01, 1) == {"x": 3}
    assert 5 not in tried


def test_gains_on_a_minority_of_sequences_are_rejected() -> None:
    parts = {0: (5.0, 5.0, 5.0), 1: (20.0, 4.9, 4.8), 2: (7.0, 7.0, 4.9)}

    def mean(settings: Settings) -> Worth:
        found = parts[int(number(settings, "x"))]
        return Worth(sum(found) / 3, found)

    assert search(mean, {"x": (0, 1)}, {"x": 0}, 0.01, 3) == {"x": 0}
    assert search(mean, {"x": (0, 1, 2)}, {"x": 0}, 0.01, 3) == {"x": 2}
