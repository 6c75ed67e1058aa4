"""The published network, from given weights, gives the published numbers."""

import importlib.util
import json
import os
from pathlib import Path

import numpy as np
import pytest
import torch

from stages.detector.spotnet import CheckpointError, SpotNet, save_checkpoint

PARITY = Path(__file__).parents[5] / "shared" / "parity" / "spotnet"

pytestmark = pytest.mark.skipif(not PARITY.is_dir(), reason="reference outputs are not here")


@pytest.fixture(scope="module")
def weights():
    spec = importlib.util.spec_from_file_location("reference_weights", PARITY / "weights.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def state(weights):
    return weights.state_dict_for(json.loads((PARITY / "state_dict_shapes.json").read_text()))


@pytest.fixture(scope="module")
def checkpoint(state, tmp_path_factory):
    path = tmp_path_factory.mktemp("weights") / "published.pth"
    torch.save({"epoch": 1, "state_dict": {f"module.{k}": v for k, v in state.items()}}, path)
    return path


@pytest.fixture(scope="module")
def model(checkpoint):
    return SpotNet.from_checkpoint(checkpoint)


@pytest.mark.parametrize("fused", [False, True])
def test_outputs_equal_the_published_network(model, weights, fused):
    network = model.fused() if fused else model
    expected = np.load(PARITY / "expected.npz")
    with torch.inference_mode():
        outputs = network(weights.image_for(128, 256))
    assert len(outputs) == 2
    for stack, output in enumerate(outputs):
        for name in ("hm", "wh", "reg", "seg"):
            np.testing.assert_allclose(
                output[name].numpy(), expected[f"stack{stack}/{name}"], rtol=0, atol=1e-4
            )


def test_every_mismatched_tensor_is_named(state, tmp_path):
    broken = {name: torch.zeros(()).expand(value.shape) for name, value in state.items()}
    del broken["cnvs.1.conv.weight"]
    broken["surplus"] = torch.zeros(1)
    broken["wh.0.1.bias"] = torch.zeros(3)
    path = tmp_path / "broken.pth"
    torch.save(broken, path)
    with pytest.raises(CheckpointError) as error:
        SpotNet.from_checkpoint(path)
    for name in ("missing cnvs.1.conv.weight", "unexpected surplus", "wh.0.1.bias has shape (3,)"):
        assert name in str(error.value)


def test_a_pickle_that_runs_code_is_refused(tmp_path):
    class Evil:
        def __reduce__(self):
            return (Path.touch, (tmp_path / "ran",))

    path = tmp_path / "evil.pth"
    torch.save({"hm.0.1.weight": Evil()}, path)
    with pytest.raises(CheckpointError, match=r"evil\.pth"):
        SpotNet.from_checkpoint(path)
    assert not (tmp_path / "ran").exists()


def test_our_network_survives_a_round_trip(tmp_path):
    torch.manual_seed(0)
    model = SpotNet.compact().eval()
    path = tmp_path / "compact.safetensors"
    save_checkpoint(model, path, half=False)
    assert path.stat().st_mode & 0o444 == 0o444 & ~current_umask()
    loaded = SpotNet.from_checkpoint(path)
    image = torch.randn(1, 3, 64, 128)
    with torch.inference_mode():
        for name, value in model(image)[0].items():
            torch.testing.assert_close(loaded(image)[0][name], value)
    assert loaded.config == model.config


def current_umask():
    mask = os.umask(0)
    os.umask(mask)
    return mask
