"""The short form of ``spotstream chaos``."""

import pytest

from tools.chaos import faults
from tools.harness.rtsp import available


@pytest.mark.parametrize(
    ("fault", "times"),
    [
        (faults.kills_in_lossless_runs, 12),
        (faults.kills_in_live_runs, 3),
        (faults.hostile_messages, 3000),
        (faults.slow_detector, 75),
    ],
)
def test_promises_are_kept(tmp_path, fault, times):
    outcome = fault(tmp_path, times)
    assert outcome.passed, outcome
    assert outcome.times >= times


def test_a_disk_that_fills_leaves_no_half_results(tmp_path):
    outcome = faults.full_disk(tmp_path)
    assert outcome.passed, outcome
    assert "overlay.mp4" in outcome.result or ".txt" in outcome.result


def test_frames_need_no_room_in_dev_shm(tmp_path):
    outcome = faults.full_shared_memory(tmp_path)
    if outcome.passed is None:
        pytest.skip(outcome.result)
    assert outcome.passed, outcome


@pytest.mark.skipif(not available(), reason="GStreamer's RTSP server is not here")
def test_outages_are_recovered_from(tmp_path):
    outcome = faults.outages(tmp_path, 2)
    assert outcome.result.startswith("2 recovered"), outcome
