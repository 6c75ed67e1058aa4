"""Every engine gives PyTorch's boxes, from weights and from exported models."""

import numpy as np
import pytest
import torch

from stages.detector.engines import build_engine
from stages.detector.engines.onnx_graph import onnx_model
from stages.detector.spotnet import SpotNet, save_checkpoint
from stages.detector.weights_file import load_network
from tests.stages.detector.networks import PUBLISHED

PACKAGES = {"onnxruntime": ("onnx", "onnxruntime"), "openvino": ("onnx", "openvino")}

PIXELS = 0.05  # at most this far apart
SCORE = 0.1


@pytest.fixture(scope="module")
def eager(weights):
    return build_engine(weights, "torch", precision="float32", device="cpu")


def assert_equal_boxes(found, expected):
    sure = expected.scores > SCORE
    assert sure.sum() > 10
    np.testing.assert_allclose(found.scores[sure], expected.scores[sure], atol=1e-3)
    np.testing.assert_allclose(found.boxes[sure], expected.boxes[sure], atol=PIXELS)
    np.testing.assert_array_equal(found.classes[sure], expected.classes[sure])


@pytest.mark.parametrize("name", PACKAGES)
def test_boxes_equal_those_of_torch_at_each_input_size(name, weights, images, eager):
    for package in PACKAGES[name]:
        pytest.importorskip(package)
    engine = build_engine(weights, name, precision="float32", threads=1)
    assert name in engine.description
    assert engine.config == load_network(weights).config
    for part in (images, images[:, :128, :256].copy()):
        assert_equal_boxes(engine.detect(part), eager.detect(part))


@pytest.mark.parametrize(
    ("name", "precision"),
    [(name, precision) for name in ("torch", *PACKAGES) for precision in ("float32", "int8")],
)
def test_the_requested_number_of_boxes_is_returned(name, precision, weights, images):
    for package in PACKAGES.get(name, ()):
        pytest.importorskip(package)
    few, most = (
        build_engine(weights, name, device="cpu", precision=precision, threads=1, top_k=top_k)
        for top_k in (3, 1000)
    )
    found = most.detect(images)
    assert found.boxes.shape == (2, 1000, 4)
    assert found.scores.shape == found.classes.shape == (2, 1000)
    np.testing.assert_array_equal(few.detect(images).scores, found.scores[:, :3])
    small = most.detect(images[:, :64, :64].copy())  # fewer than 1000 cells
    assert small.scores.shape == (2, 16 * 16)


@pytest.mark.parametrize("name", PACKAGES)
def test_an_exported_model_is_self_contained(name, weights, images, eager, tmp_path):
    for package in PACKAGES[name]:
        pytest.importorskip(package)
    network = load_network(weights)
    path = tmp_path / "model.onnx"
    path.write_bytes(onnx_model(network))
    engine = build_engine(path, name, threads=1)
    assert engine.config == network.config
    assert engine.size is None
    assert_equal_boxes(engine.detect(images), eager.detect(images))


@pytest.mark.parametrize("name", PACKAGES)
def test_the_published_kind_of_network_gives_equal_boxes(name, images, tmp_path):
    for package in PACKAGES[name]:
        pytest.importorskip(package)
    torch.manual_seed(0)
    path = tmp_path / "random.safetensors"
    save_checkpoint(SpotNet(PUBLISHED).eval(), path, half=False)
    found, expected = (
        build_engine(path, engine, precision="float32", device="cpu", threads=1).detect(images)
        for engine in (name, "torch")
    )
    np.testing.assert_allclose(found.scores, expected.scores, atol=1e-5)
    # Random weights find many peaks of nearly equal scores, whose order may differ.
    apart = np.abs(expected.boxes[0, :50, None] - found.boxes[0, None]).max(axis=-1)
    assert apart.min(axis=1).max() < PIXELS
