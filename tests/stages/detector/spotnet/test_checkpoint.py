"""What a weights file says beside its tensors."""

import warnings

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from stages.detector.spotnet import CheckpointError, SpotNet, save_checkpoint, with_ranges

SMALL = {"stem_channels": 8, "dims": (8, 8), "modules": (1, 1), "head_channels": 8,
         "feature_channels": 8}  # fmt: skip


@pytest.fixture
def path(tmp_path):
    file = tmp_path / "a.safetensors"
    save_checkpoint(SpotNet.compact(**SMALL), file)
    return file


def test_ranges_are_added_and_the_tensors_stay(path):
    before = {name: tensor.clone() for name, tensor in load_file(path).items()}  # not the file's
    assert SpotNet.from_checkpoint(path).ranges is None
    path.write_bytes(with_ranges(path, {"pre.0": (0.0, 2.5)}))
    after = load_file(path)
    assert before.keys() == after.keys()
    assert all(torch.equal(after[name], tensor) for name, tensor in before.items())
    network = SpotNet.from_checkpoint(path)
    assert network.ranges == {"pre.0": (0.0, 2.5)}
    assert network.fused().ranges == network.ranges
    save_checkpoint(network, path)
    assert SpotNet.from_checkpoint(path).ranges == network.ranges


@pytest.mark.parametrize("stated", ["[1]", "{", '{"pre.0": 3}', '{"pre.0": ["a", "b"]}'])
def test_broken_ranges_are_one_line(path, stated):
    with safe_open(str(path), framework="pt") as file:
        metadata = file.metadata()
    save_file(load_file(path), path, metadata | {"ranges": stated})
    with pytest.raises(CheckpointError, match=r"a\.safetensors: its ranges of features"):
        SpotNet.from_checkpoint(path)


def test_torchscript_is_named_and_what_to_give_instead(tmp_path):
    traced = torch.jit.trace(torch.nn.ReLU(), torch.zeros(1))
    torch.jit.save(traced, tmp_path / "a.torchscript")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(CheckpointError, match=r"is TorchScript, made for other .*\.onnx$"):
            SpotNet.from_checkpoint(tmp_path / "a.torchscript")


def test_a_folder_is_no_weights_file(tmp_path):
    with pytest.raises(CheckpointError, match="is a folder, not a weights file"):
        SpotNet.from_checkpoint(tmp_path)
