"""Weights files: saving, loading, and refusal of others."""

import warnings

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from stages.detector.spotnet import (
    CheckpointError,
    SpotNet,
    load_initial,
    save_checkpoint,
    with_ranges,
)

SMALL = {"stem_channels": 8, "dims": (8, 8), "modules": (1, 1), "head_channels": 8,
         "feature_channels": 8}  # fmt: skip


@pytest.fixture
def path(tmp_path):
    file = tmp_path / "a.safetensors"
    save_checkpoint(SpotNet.compact(**SMALL), file)
    return file


def test_adding_ranges_keeps_the_tensors(path):
    before = {
        name: tensor.clone() for name, tensor in load_file(path).items()
    }  # copies, as the file is overwritten
    network = SpotNet.from_checkpoint(path)
    assert network.ranges is None
    path.write_bytes(with_ranges(path.read_bytes(), network.config, {"pre.0": (0.0, 2.5)}))
    after = load_file(path)
    assert before.keys() == after.keys()
    assert all(torch.equal(after[name], tensor) for name, tensor in before.items())
    network = SpotNet.from_checkpoint(path)
    assert network.ranges == {"pre.0": (0.0, 2.5)}
    assert network.fused().ranges == network.ranges
    save_checkpoint(network, path)
    assert SpotNet.from_checkpoint(path).ranges == network.ranges


def test_saved_weights_load_whatever_the_file_name(tmp_path):
    network = SpotNet.compact(**SMALL)
    save_checkpoint(network, tmp_path / "a.pth", half=False)
    loaded = SpotNet.from_checkpoint(tmp_path / "a.pth")
    assert (loaded.config, loaded.training) == (network.config, False)
    assert torch.equal(loaded.wh[0][1].bias, network.wh[0][1].bias)
    assert load_initial(SpotNet.compact(**SMALL), tmp_path / "a.pth") == []


def test_values_beyond_fp16_survive(tmp_path):
    network = SpotNet.compact(**SMALL)
    with torch.no_grad():
        network.pre[0].bn.running_var.fill_(1e6)
    save_checkpoint(network, tmp_path / "a.safetensors")
    loaded = SpotNet.from_checkpoint(tmp_path / "a.safetensors")
    assert loaded.pre[0].bn.running_var.tolist() == [1e6] * SMALL["stem_channels"]
    assert load_file(tmp_path / "a.safetensors")["pre.0.conv.weight"].dtype is torch.half


def test_training_does_not_start_from_weights_of_another_network(path):
    with safe_open(str(path), framework="pt") as file:
        metadata = file.metadata()
    network = SpotNet.compact(**SMALL)
    state = network.state_dict()
    names = list(state)
    few, most = (dict.fromkeys(names[:count]) for count in (len(names) // 3, len(names) * 2 // 3))
    save_file({name: state[name] for name in most}, path, metadata)
    assert load_initial(network, path) == names[len(most) :]
    save_file({name: state[name] for name in few}, path, metadata)
    with pytest.raises(CheckpointError, match=f"only {len(few)} of the model's {len(names)} tens"):
        load_initial(network, path)


def test_a_network_that_would_not_load_is_not_saved(path):
    before = path.read_bytes()
    with pytest.raises(ValueError, match=r"not those of its config, as after fused\(\)"):
        save_checkpoint(SpotNet.from_checkpoint(path).fused(), path)
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    "stated",
    [
        "[]",
        "[1]",
        "{",
        "[" * 100_000,
        '{"pre.0": 3}',
        '{"pre.0": ["a", "b"]}',
        '{"pre.0": [0, NaN]}',
        '{"pre.0": [-Infinity, 1]}',
        '{"pre.0": [0, 1e39]}',
        '{"pre.0": [0, 1' + "0" * 400 + "]}",
        '{"pre.0": [2, 1]}',
    ],
)
def test_malformed_ranges_are_refused(path, stated):
    with safe_open(str(path), framework="pt") as file:
        metadata = file.metadata()
    save_file(load_file(path), path, metadata | {"ranges": stated})
    with pytest.raises(CheckpointError, match=r"a\.safetensors: its ranges of features"):
        SpotNet.from_checkpoint(path)


def test_an_absurd_config_is_refused_briefly(path):
    stated = ["[" * 100_000, '{"stacks": 1000000000}', f'{{"dims": {[9] * 100_000}}}', "3", '"a"']
    for text in stated:
        save_file(load_file(path), path, {"spotnet": text})
        with pytest.raises(
            CheckpointError, match=r"a\.safetensors: its SpotNet config is"
        ) as error:
            SpotNet.from_checkpoint(path)
        assert len(str(error.value)) < 500


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
@pytest.mark.parametrize("half", [True, False])
def test_non_finite_weights_are_refused(tmp_path, value, half):
    network = SpotNet.compact(**SMALL)
    with torch.no_grad():
        network.wh[0][1].bias[1] = value
    save_checkpoint(network, tmp_path / "a.safetensors", half=half)
    message = r"a\.safetensors is damaged: wh\.0\.1\.bias holds values that are not finite$"
    with pytest.raises(CheckpointError, match=message):
        SpotNet.from_checkpoint(tmp_path / "a.safetensors")
    with pytest.raises(CheckpointError, match=message):
        load_initial(SpotNet.compact(**SMALL), tmp_path / "a.safetensors")


def test_integer_weights_are_accepted(path):
    with safe_open(str(path), framework="pt") as file:
        metadata = file.metadata()
    save_file({key: value.int() for key, value in load_file(path).items()}, path, metadata)
    assert SpotNet.from_checkpoint(path).wh[0][1].bias.dtype is torch.float32


@pytest.mark.parametrize("classes", [0, 10**9])
def test_a_published_network_with_an_absurd_class_count_is_refused(tmp_path, classes):
    heatmap = torch.zeros(1).expand(classes, 256, 1, 1)  # stored in four bytes
    torch.save({"hm.0.1.weight": heatmap}, tmp_path / "a.pth")
    with pytest.raises(CheckpointError, match=r"a\.pth does not hold a SpotNet: num_classes must"):
        SpotNet.from_checkpoint(tmp_path / "a.pth")


@pytest.mark.parametrize("content", [{0: torch.zeros(1)}, {"hm.0.1.weight": torch.zeros(())}])
def test_other_content_saved_by_torch_is_refused(tmp_path, content):
    torch.save(content, tmp_path / "a.pth")
    with pytest.raises(CheckpointError, match=r"a\.pth (holds no state dict|does not fit)"):
        SpotNet.from_checkpoint(tmp_path / "a.pth")


def test_another_network_is_refused_with_advice_on_using_it(tmp_path):
    torch.save(torch.nn.ReLU(), tmp_path / "other.pt")
    save_file({"weight": torch.zeros(1)}, tmp_path / "other.safetensors")
    for name in ("other.pt", "other.safetensors"):
        with pytest.raises(CheckpointError, match=r"a class that runs it as detector\.name$"):
            SpotNet.from_checkpoint(tmp_path / name)


def test_an_exported_network_is_refused_with_advice(tmp_path):
    for name in ("a.onnx", "a.XML"):
        (tmp_path / name).write_bytes(b"exported")
        with pytest.raises(CheckpointError, match="exported network; give the weights it was made"):
            SpotNet.from_checkpoint(tmp_path / name)


CUT_OFF = "is damaged or was cut off: copy or download it again$"


@pytest.mark.parametrize("part", [0.5, 0.99])
@pytest.mark.parametrize("kind", ["safetensors", "zip", "torch before 1.6"])
def test_a_truncated_file_is_refused_with_advice_to_copy_it_again(path, tmp_path, kind, part):
    if kind != "safetensors":
        state = SpotNet.compact(**SMALL).state_dict()
        path = tmp_path / "a.pth"
        torch.save(state, path, _use_new_zipfile_serialization=kind == "zip")
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * part)])
    with pytest.raises(CheckpointError, match=rf"{path.name} {CUT_OFF}"):
        SpotNet.from_checkpoint(path)


@pytest.mark.parametrize("name", ["a.safetensors", "a.pth"])
def test_an_empty_file_is_refused_with_advice_to_copy_it_again(tmp_path, name):
    (tmp_path / name).touch()
    with pytest.raises(CheckpointError, match=rf"{name} is empty: copy or download it again$"):
        SpotNet.from_checkpoint(tmp_path / name)


def test_a_file_that_is_not_safetensors_is_refused(tmp_path):
    (tmp_path / "a.safetensors").write_text("hello")
    with pytest.raises(CheckpointError, match=r"is not a safetensors file, whatever its name says"):
        SpotNet.from_checkpoint(tmp_path / "a.safetensors")


def test_a_state_dict_under_another_key_is_pointed_out(tmp_path):
    content = {"model": SpotNet.compact(**SMALL).state_dict(), "epoch": 3, "options": {}}
    torch.save(content, tmp_path / "a.pth")
    with pytest.raises(CheckpointError, match="; save the one under its key 'model' as a file of"):
        SpotNet.from_checkpoint(tmp_path / "a.pth")


def test_torchscript_is_refused_with_an_alternative(tmp_path):
    traced = torch.jit.trace(torch.nn.ReLU(), torch.zeros(1))
    torch.jit.save(traced, tmp_path / "a.torchscript")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(CheckpointError, match=r"is TorchScript, made for other .*\.onnx$"):
            SpotNet.from_checkpoint(tmp_path / "a.torchscript")


def test_a_missing_file_is_refused_with_how_to_find_shipped_ones(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    message = "no weights file nano; stages.detector.shipped.find_weights gives the paths"
    with pytest.raises(CheckpointError, match=message):
        SpotNet.from_checkpoint("nano")


def test_a_folder_is_refused(tmp_path):
    with pytest.raises(CheckpointError, match="is a folder, not a weights file"):
        SpotNet.from_checkpoint(tmp_path)


def test_of_many_mismatched_tensors_three_of_each_kind_are_named(tmp_path):
    foreign = {f"layer{number}.weight": torch.zeros(1) for number in range(20)}
    state = foreign | {"pre.0.conv.weight": torch.zeros(1)}
    published = {"state_dict": {f"module.{name}": value for name, value in state.items()}}
    torch.save(published, tmp_path / "a.pth")
    with pytest.raises(CheckpointError) as error:
        SpotNet.from_checkpoint(tmp_path / "a.pth")
    [_, first, *_, last, shape] = str(error.value).split("; ")
    assert first.startswith("missing pre.0.")
    assert "; unexpected layer0.weight; unexpected layer1.weight; " in str(error.value)
    assert last == "and 17 more"
    assert shape == "pre.0.conv.weight has shape (1,), expected (128, 3, 7, 7)"
    assert len(str(error.value)) < 700
    diff = error.value.differences
    assert f" {len(diff)} tensors differ: {diff[0]}; {diff[1]}; {diff[2]}; and " in str(error.value)
    assert "unexpected layer19.weight" in diff


def test_few_mismatched_tensors_are_all_named(path):
    with safe_open(str(path), framework="pt") as file:
        metadata = file.metadata()
    surplus = {f"layer{number}.weight": torch.zeros(1) for number in range(10)}
    save_file(load_file(path) | surplus, path, metadata)
    with pytest.raises(CheckpointError) as error:
        SpotNet.from_checkpoint(path)
    assert error.value.differences == tuple(f"unexpected {name}" for name in surplus)
    assert str(error.value).endswith("10 tensors differ: " + "; ".join(error.value.differences))
