import numpy as np
import pytest

from stages.errors import SourceError
from tools.bench import detect
from tools.bench.detect import bench_detect, make_detectors, rendered_frames, source_frames


@pytest.fixture(scope="module")
def frames():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(detect, "SIZE", (320, 192))
        return rendered_frames(2)


def test_each_engine_is_measured_on_the_same_frames(frames):
    pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    detectors = make_detectors(None, engines=["onnxruntime"])
    eager, _, other, in_bytes = bench_detect(detectors, frames, rounds=2)
    assert in_bytes.name == "onnxruntime int8"
    assert "int8" in in_bytes.description
    assert (eager.name, other.name) == ("torch", "onnxruntime")
    assert eager.to_eager[1].rounds == (1, 1)
    assert eager.box_distance == 0
    assert len(other.time.rounds) == 2
    assert min(*other.time.rounds, *other.cpu_time.rounds) > 0
    assert other.as_json()["time"]["rounds"] == list(other.time.rounds)
    if "float32" in eager.description:
        assert other.box_distance < 0.05


def test_the_loop_of_centernet_finds_the_same_vehicles(frames):
    detectors = make_detectors(None, engines=["torch"])
    for detector in detectors.values():
        detector.scale = 1.0  # elsewhere it resizes in another way
    eager, loop, _ = bench_detect(detectors, frames, rounds=1)
    assert loop.name == "CenterNet's loop"
    assert "float32" in loop.description
    assert loop.cpu_time.median > 0
    if "float32" in eager.description:
        assert 0 < loop.box_distance < 0.01


def test_an_engine_that_finds_other_boxes_is_seen(frames):
    detectors = make_detectors(None, engines=["torch"])
    detectors["wrong"] = make_detectors(None, engines=["torch"])["torch"]
    detectors["wrong"].scale *= 0.5
    *_, wrong = bench_detect(detectors, frames, rounds=1)
    assert wrong.box_distance > 0.05


def test_frames_are_those_of_the_source(tmp_path):
    import cv2

    for number in range(3):
        cv2.imwrite(str(tmp_path / f"{number}.png"), np.full((64, 96, 3), 80 * number, np.uint8))
    frames = source_frames(str(tmp_path), 2)
    assert [frame.header.index for frame in frames] == [0, 1]
    assert frames[1].pixels.mean() > frames[0].pixels.mean()
    with pytest.raises(SourceError):
        source_frames(str(tmp_path / "none"), 2)
