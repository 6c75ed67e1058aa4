import importlib.machinery

import numpy as np
import pytest
import scipy.optimize

from trackers import assignment


@pytest.mark.parametrize("shape", [(7, 7), (3, 9), (9, 3), (1, 1), (0, 4)])
@pytest.mark.parametrize("maximize", [False, True])
def test_pairs_equal_those_of_scipy_including_ties(shape, maximize):
    gains = np.random.default_rng(3).integers(0, 4, (50, *shape)) / 4
    for gain in gains:
        pairs = assignment.linear_sum_assignment(gain, maximize=maximize)
        expected = scipy.optimize.linear_sum_assignment(gain, maximize=maximize)
        np.testing.assert_array_equal(pairs, expected)


def test_scipy_optimize_is_used_when_the_solver_module_is_not_found(monkeypatch):
    monkeypatch.setattr(importlib.machinery.PathFinder, "find_spec", lambda *_: None)
    assert assignment._solver() is scipy.optimize
