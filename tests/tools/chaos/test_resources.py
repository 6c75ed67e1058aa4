import subprocess

import pytest

from tests.tools.chaos.pretended import pretended
from tools.chaos import resources
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


@pytest.mark.parametrize(
    ("median", "missing", "passed"), [(1199, 0, True), (1200, 0, False), (1199, 1, False)]
)
def test_a_long_latency_and_frames_of_which_nothing_is_told_break_the_promise(
    tmp_path, monkeypatch, median, missing, passed
):
    report = {
        "latency_ms": {"p50": median, "p99": 2000},
        "frames": {"missing": missing},
        "dropped": {"total": 20},
    }
    monkeypatch.setattr(resources, "run_with", pretended(report=report))
    assert slow_detector(tmp_path, 25).passed is passed


@pytest.fixture
def on_mount(monkeypatch):
    """Takes how the run on a mount ends, and the files that it leaves there."""

    def ends(code, *left):
        stdout = "".join(f"clip/{name}\n" for name in left)
        done = subprocess.CompletedProcess([], code, stdout, "spotstream: no space left\n")
        monkeypatch.setattr(resources, "_run_on_mount", lambda *arguments: done)

    return ends


SOUND = ("mot.txt", "detections.txt", "times.txt", "run.json")


@pytest.mark.parametrize(
    ("code", "left", "passed"),
    [
        (4, SOUND, True),
        (0, SOUND, False),
        (1, SOUND, False),
        (4, SOUND[1:], False),
        (4, (*SOUND, "overlay.mp4"), False),
    ],
)
def test_a_full_disk_that_is_not_told_or_leaves_other_files_breaks_the_promise(
    tmp_path, on_mount, code, left, passed
):
    on_mount(code, *left)
    assert full_disk(tmp_path).passed is passed


@pytest.mark.parametrize(
    ("code", "frames", "passed"), [(0, 50, True), (1, 50, False), (0, 49, False)]
)
def test_frames_that_need_dev_shm_break_the_promise(tmp_path, on_mount, code, frames, passed):
    pretended(report={"frames": {"out": frames}})([], tmp_path / "shm", [])
    on_mount(code)
    assert full_shared_memory(tmp_path).passed is passed
