import pytest

from pipeline.config import load_config
from pipeline.result import RunResult
from tools.run import faster_detector


@pytest.fixture(autouse=True)
def no_gpu(monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)


def advice(dropped, *settings):
    result = RunResult(finished={"east": {"dropped": dropped, "frames": 1000 - dropped}})
    return faster_detector(result, load_config(None, settings))


def test_who_drops_many_frames_is_told_what_is_faster():
    told = advice(400)
    assert told.startswith("400 frames were dropped")
    assert "precision=int8 or --set detector.weights=nano or --set detector.scale=0.5" in told


def test_int8_is_not_advised_where_a_gpu_computes(monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    assert "int8" not in advice(400)
    assert "nano" in advice(400)


def test_what_is_set_already_is_not_advised():
    own = advice(400, "detector.weights=mine.safetensors")
    assert "weights" not in own
    assert "int8" not in own
    smaller = advice(400, "detector.weights=nano", "detector.scale=0.5")
    assert "were too slow; --set detector.precision=int8 makes" in smaller
    every = ("detector.weights=nano", "detector.scale=0.5", "detector.precision=int8")
    assert advice(400, *every).endswith("were too slow")


@pytest.mark.parametrize(
    ("dropped", "settings"), [(0, []), (20, []), (400, ["detector.detections=a.txt"])]
)
def test_few_drops_and_those_of_no_network_are_left_alone(dropped, settings):
    assert advice(dropped, *settings) == ""
