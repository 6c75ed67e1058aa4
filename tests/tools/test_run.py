import pytest

from pipeline.config import load_config
from pipeline.result import RunResult
from tools.run import faster_detector


def advice(dropped, *settings):
    result = RunResult(finished={"east": {"dropped": dropped, "frames": 1000 - dropped}})
    return faster_detector(result, load_config(None, settings))


def test_who_drops_many_frames_is_told_what_is_faster():
    told = advice(400)
    assert told.startswith("400 frames were dropped")
    assert "--set detector.weights=nano or --set detector.scale=0.5" in told


def test_what_is_set_already_is_not_advised():
    assert "weights" not in advice(400, "detector.weights=mine.safetensors")
    assert advice(400, "detector.weights=nano", "detector.scale=0.5").endswith("were too slow")


@pytest.mark.parametrize(
    ("dropped", "settings"), [(0, []), (20, []), (400, ["detector.detections=a.txt"])]
)
def test_few_drops_and_those_of_no_network_are_left_alone(dropped, settings):
    assert advice(dropped, *settings) == ""
