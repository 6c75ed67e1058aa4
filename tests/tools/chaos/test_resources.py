import pytest

from tools.chaos.resources import full_disk, full_shared_memory, slow_detector


def test_a_slow_detector_costs_frames_not_latency(tmp_path):
    outcome = slow_detector(tmp_path, 75)
    assert outcome.passed, outcome
    assert "of 75 frames" in outcome.result


def test_a_disk_that_fills_leaves_no_half_results(tmp_path):
    outcome = full_disk(tmp_path)
    if outcome.passed is None:
        pytest.skip(outcome.result)
    assert outcome.passed, outcome
    assert outcome.result.startswith("spotstream: cannot write disk/clip/")
    assert "no space left on device" in outcome.result
    assert outcome.result.endswith("; detections.txt, mot.txt, run.json, times.txt left")


def test_frames_need_no_room_in_dev_shm(tmp_path):
    outcome = full_shared_memory(tmp_path)
    if outcome.passed is None:
        pytest.skip(outcome.result)
    assert outcome.passed, outcome
