"""The short form of ``spotstream chaos``."""

import pytest

from stages.result_files import TRACKS
from tests.tools.chaos.pretended import FakeVictim, fake_run
from tools.chaos import kills
from tools.chaos.kills import kills_in_live_runs, kills_in_lossless_runs


@pytest.mark.parametrize(
    ("fault", "times"), [(kills_in_lossless_runs, 12), (kills_in_live_runs, 3)]
)
def test_kills_break_no_promise(tmp_path, fault, times):
    outcome = fault(tmp_path, times)
    assert outcome.passed, outcome
    assert outcome.times >= times


@pytest.mark.parametrize(
    ("calm", "harmed", "written", "passed", "result"),
    [
        ([1, 2], [1, 2], 2, True, "0 frames lost, 0 repeated, 0 runs with other results"),
        ([1, 2], [1, 2], 1, False, "1 frame lost, 0 repeated, 0 runs with other results"),
        ([1, 1], [1, 1], 2, False, "0 frames lost, 1 repeated, 0 runs with other results"),
        ([1, 2], [1, 3], 2, False, "0 frames lost, 0 repeated, 1 run with other results"),
    ],
)
def test_lost_repeated_or_changed_frames_break_the_promise(
    tmp_path, monkeypatch, calm, harmed, written, passed, result
):
    times = iter((calm, harmed))
    monkeypatch.setattr(kills, "_results", lambda folder: ([], next(times)))
    report = {"frames": {"in": 2, "out": written}}
    monkeypatch.setattr(kills, "run_with", fake_run(FakeVictim(), report=report))
    outcome = kills_in_lossless_runs(tmp_path, 1)
    assert (outcome.result, outcome.passed) == (result, passed)


@pytest.mark.parametrize(
    ("seconds", "rows", "passed"),
    [
        ([0.1, 0.2, 1.9], b"1,5,\n2,5,\n", True),
        ([0.1, 0.2, 2.1], b"1,5,\n2,5,\n", False),
        ([0.1, 0.2, None], b"1,5,\n2,5,\n", False),
        ([0.1, 0.2, 1.9], b"1,5,\n102,5,\n", False),
    ],
    ids=["sound", "late", "no frames", "an id again"],
)
def test_late_frames_and_reused_ids_break_the_promise(tmp_path, monkeypatch, seconds, rows, passed):
    victim = FakeVictim(*seconds)
    monkeypatch.setattr(kills, "run_with", fake_run(victim, files={TRACKS: rows}))
    assert kills_in_live_runs(tmp_path, 2).passed is passed
