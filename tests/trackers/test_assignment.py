import importlib.machinery

import numpy as np
import pytest
import scipy.optimize

from trackers import assignment


@pytest.mark.parametrize("shape", [(7, 7), (3, 9), (9, 3), (1, 1), (0, 4)])
@pytest.mark.parametrize("maximize", [False, True])
def test_pairs_are_those_of_scipy_ties_included(shape, maximize):
    gains = np.random.default_rng(3).integers(0, 4, (50, *shape)) / 4
    for gain in gains:
        pairs = assignment.linear_sum_assignment(gain, maximize=maximize)
        expected = scipy.optimize.linear_sum_assignment(gain, maximize=maximize)
        np.testing.assert_array_equal(pairs, expected)


def test_a_scipy_that_keeps_its_solver_elsewhere_is_imported_as_usual(monkeypatch):
    monkeypatch.setattr(importlib.machinery.PathFinder, "find_spec", lambda *_: None)
    assert assignment._solver() is scipy.optimize
