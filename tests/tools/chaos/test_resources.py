import subprocess

import pytest

from tests.tools.chaos.pretended import fake_run
from tools.chaos import resources
from tools.chaos.resources import full_disk, full_shared_memory, slow_detector


def test_a_slow_detector_costs_frames_not_latency(tmp_path):
    outcome = slow_detector(tmp_path, 75)
    assert outcome.passed, outcome
    assert "of 75 frames" in outcome.result


def test_a_full_disk_leaves_no_partial_results(tmp_path):
    outcome = full_disk(tmp_path)
    if outcome.passed is None:
        pytest.skip(outcome.result)
    assert outcome.passed, outcome
    assert outcome.result.startswith("spotstream: cannot write disk/clip/")
    assert "no space left on device" in outcome.result
    assert outcome.result.endswith("; detections.txt, mot.txt, run.json, times.txt left")


def test_frames_need_no_space_in_dev_shm(tmp_path):
    outcome = full_shared_memory(tmp_path)
    if outcome.passed is None:
        pytest.skip(outcome.result)
    assert outcome.passed, outcome


@pytest.mark.parametrize(
    ("median", "missing", "passed"), [(1199, 0, True), (1200, 0, False), (1199, 1, False)]
)
def test_high_latency_and_unreported_frames_break_the_promise(
    tmp_path, monkeypatch, median, missing, passed
):
    report = {
        "latency_ms": {"p50": median, "p99": 2000},
        "frames": {"missing": missing},
        "dropped": {"total": 20},
    }
    monkeypatch.setattr(resources, "run_with", fake_run(report=report))
    assert slow_detector(tmp_path, 25).passed is passed


@pytest.fixture
def on_mount(monkeypatch):
    """Sets the exit status of the run on a mount and the files that it leaves there."""

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
def test_an_unreported_full_disk_or_wrong_files_break_the_promise(
    tmp_path, on_mount, code, left, passed
):
    on_mount(code, *left)
    assert full_disk(tmp_path).passed is passed


@pytest.mark.parametrize(
    ("code", "frames", "passed"), [(0, 50, True), (1, 50, False), (0, 49, False)]
)
def test_frames_that_need_dev_shm_break_the_promise(tmp_path, on_mount, code, frames, passed):
    fake_run(report={"frames": {"out": frames}})([], tmp_path / "shm", [])
    on_mount(code)
    assert full_shared_memory(tmp_path).passed is passed
