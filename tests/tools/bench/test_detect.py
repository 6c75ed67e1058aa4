import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from stages.detector.shipped import find_weights
from stages.errors import SourceError
from tools.bench import detect
from tools.bench.detect import (
    APART,
    bench_detect,
    make_detectors,
    rendered_frames,
    source_frames,
)
from tools.bench.figures import CPU, MILLISECONDS

NANO = Path("nano")


@pytest.fixture(scope="module")
def frames():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(detect, "SIZE", (320, 192))
        return rendered_frames(2)


@pytest.fixture
def in_float32(monkeypatch):
    """PyTorch computes in float32, also where bfloat16 is faster: boxes can be compared closely."""
    monkeypatch.setattr(detect, "fast_dtype", lambda device: torch.float32)


def figure(report, name, unit):
    [found] = [each for each in report.figures if (each.name, each.unit) == (name, unit)]
    return found


def test_each_engine_is_measured_on_the_same_frames(frames, in_float32):
    pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    report = bench_detect(make_detectors(NANO, engines=["onnxruntime"]), frames, rounds=2)
    names = ["torch", "CenterNet's loop", "onnxruntime", "onnxruntime int8"]
    assert list(report.descriptions) == names
    assert "int8" in report.descriptions["onnxruntime int8"]
    assert [(asked.name, asked.to) for asked, _ in report.ratios] == [
        ("torch", name) for name in names[1:]
    ]
    for unit in (MILLISECONDS, CPU):
        for name in names:
            assert len(figure(report, name, unit).rounds) == 2
            assert min(figure(report, name, unit).rounds) > 0
    assert figure(report, "torch", APART).median == 0
    assert figure(report, "onnxruntime", APART).median < 0.05


def test_centernet_loop_finds_the_same_vehicles(frames, in_float32):
    detectors = make_detectors(NANO, engines=["torch"])
    for detector in detectors.values():
        detector.scale = 1.0  # at other scales it resizes differently
    report = bench_detect(detectors, frames, rounds=1)
    assert "float32" in report.descriptions["CenterNet's loop"]
    assert 0 < figure(report, "CenterNet's loop", APART).median < 0.01


def test_engine_with_different_boxes_shows_a_deviation(frames):
    right, wrong = (make_detectors(NANO, engines=["torch"])["torch"] for _ in range(2))
    wrong.scale *= 0.5
    detectors = {"torch": right, "wrong": wrong}
    assert figure(bench_detect(detectors, frames, rounds=1), "wrong", APART).median > 0.05


def test_models_of_the_same_name_in_two_folders_are_distinguished(tmp_path):
    models = [tmp_path / folder / "m.safetensors" for folder in "ab"]
    for model in models:
        model.parent.mkdir()
        shutil.copy(find_weights(NANO), model)
    models.append(tmp_path / "other.safetensors")
    shutil.copy(models[0], models[-1])
    _, _, *names = make_detectors(NANO, models=models, engines=["torch"])
    assert names[-3:] == [str(models[0]), str(models[1]), "other.safetensors"]


def test_frames_are_read_from_the_source(tmp_path):
    import cv2

    for number in range(3):
        cv2.imwrite(str(tmp_path / f"{number}.png"), np.full((64, 96, 3), 80 * number, np.uint8))
    frames = source_frames(str(tmp_path), 2)
    assert [frame.header.index for frame in frames] == [0, 1]
    assert frames[1].pixels.mean() > frames[0].pixels.mean()
    with pytest.raises(SourceError):
        source_frames(str(tmp_path / "none"), 2)
