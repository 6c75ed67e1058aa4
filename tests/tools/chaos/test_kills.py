"""The short form of ``spotstream chaos``."""

import pytest

from tools.chaos.kills import kills_in_live_runs, kills_in_lossless_runs


@pytest.mark.parametrize(
    ("fault", "times"), [(kills_in_lossless_runs, 12), (kills_in_live_runs, 3)]
)
def test_promises_are_kept(tmp_path, fault, times):
    outcome = fault(tmp_path, times)
    assert outcome.passed, outcome
    assert outcome.times >= times
