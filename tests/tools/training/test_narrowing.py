import sys

import pytest
import torch

from stages.detector.spotnet import SpotNet, preset_config, save_checkpoint
from stages.errors import ConfigError
from tools.training.beginning import begin_with
from tools.training.narrowing import is_narrower, narrow

WIDE = {"dims": (12, 16, 20), "modules": (1, 1, 2), "stem_channels": 8, "feature_channels": 16,
        "head_channels": 12}  # fmt: skip
NARROW = {"dims": (8, 12, 16), "modules": (1, 1, 1), "stem_channels": 4, "feature_channels": 8,
          "head_channels": 8}  # fmt: skip


def network(seed=0, **sizes):
    torch.manual_seed(seed)
    return SpotNet.compact(size_multiple=32, **sizes).eval()


@pytest.mark.parametrize("attention", ["sigmoid", "none"])
def test_strongest_channels_are_kept(attention):
    pytest.importorskip("torch_pruning")
    wide = network(**WIDE, attention=attention)
    model = network(1, **NARROW, attention=attention)
    assert is_narrower(model, wide)
    strength = torch.rand(8) + 0.1  # of the stem's channels, in their input and output weights
    stem = wide.pre[0]
    with torch.no_grad():
        stem.conv.weight.copy_(torch.ones_like(stem.conv.weight) * strength[:, None, None, None])
        stem.bn.weight.copy_(strength)
        for layer in (each for each in wide.pre[1].modules() if isinstance(each, torch.nn.Conv2d)):
            if layer.in_channels == 8 and layer.groups == 1:
                layer.weight.copy_(torch.ones_like(layer.weight) * strength[:, None, None])
    narrow(model, wide)
    kept = torch.topk(strength, 4).indices.sort().values
    assert torch.equal(model.pre[0].conv.weight[:, 0, 0, 0], strength[kept])


def test_removed_block_is_skipped():
    pytest.importorskip("torch_pruning")
    wide = network(**WIDE)
    same = {**WIDE, "modules": (1, 1, 1)}
    model = network(1, **same | {"head_channels": 8})
    narrow(model, wide)
    below = "kps.0.low2.low2.0.conv1.weight"
    assert torch.equal(model.state_dict()[below], wide.state_dict()[below])


def test_is_narrower_only_for_a_narrower_network():
    wide = network(**WIDE)
    assert is_narrower(network(**NARROW), wide)
    assert not is_narrower(wide, wide)
    assert not is_narrower(wide, network(**NARROW))
    assert not is_narrower(network(**{**NARROW, "stem_channels": 16}), wide)
    assert not is_narrower(network(**NARROW, attention="none"), wide)
    assert not is_narrower(network(**{**NARROW, "dims": (8, 12, 12)}), wide)  # no shortcut there


def test_run_begins_with_the_strongest_channels_of_a_wider_network(tmp_path, caplog):
    pytest.importorskip("torch_pruning")
    save_checkpoint(network(**WIDE), tmp_path / "wide.safetensors", half=False)
    begun, expected = network(1, **NARROW), network(2, **NARROW)
    with caplog.at_level("INFO"):
        assert not begin_with(begun, tmp_path / "wide.safetensors")  # needs retraining
    narrow(expected, network(**WIDE))
    for key, value in expected.state_dict().items():
        assert torch.equal(begun.state_dict()[key], value), key
    assert "the strongest channels of" in caplog.text


@pytest.mark.parametrize("classes", [("car",), ("car", "bus", "truck")])
def test_classes_may_differ_from_those_of_the_wider_network(tmp_path, caplog, classes):
    pytest.importorskip("torch_pruning")
    save_checkpoint(network(**WIDE, class_names=("a", "b")), tmp_path / "wide.safetensors")
    model = network(1, **NARROW, class_names=classes)
    before = model.state_dict()["hm.0.1.weight"].clone()
    with caplog.at_level("INFO"):
        assert not begin_with(model, tmp_path / "wide.safetensors")
    assert torch.equal(model.state_dict()["hm.0.1.weight"], before)
    assert "initialised at random: hm.0.1.weight, hm.0.1.bias" in caplog.text
    assert "the strongest channels of" in caplog.text


def test_fewer_classes_do_not_make_a_network_narrower(tmp_path, caplog):
    """The strength of a class's weights does not identify the class."""
    wide = network(**WIDE, class_names=("car", "bus", "truck"))
    save_checkpoint(wide, tmp_path / "wide.safetensors", half=False)
    model = network(1, **WIDE, class_names=("bus", "truck"))
    before = model.state_dict()["hm.0.1.weight"].clone()
    with caplog.at_level("INFO"):
        assert not begin_with(model, tmp_path / "wide.safetensors")
    assert torch.equal(model.state_dict()["hm.0.1.weight"], before)
    assert torch.equal(
        model.state_dict()["hm.0.0.conv.weight"], wide.state_dict()["hm.0.0.conv.weight"]
    )
    assert caplog.text.count("initialised") == 1


@pytest.mark.parametrize("size", [WIDE, NARROW])
def test_classes_are_found_by_their_names_in_any_order(tmp_path, caplog, size):
    first = network(**WIDE, class_names=("car", "bus"))
    first.state_dict()["hm.0.1.bias"].copy_(torch.tensor([1.0, 2.0]))
    save_checkpoint(first, tmp_path / "first.safetensors", half=False)
    for names, biases in ((("bus", "car"), [2.0, 1.0]), (("car", "bus"), [1.0, 2.0])):
        model = network(1, **size, class_names=names)
        with caplog.at_level("WARNING"):
            assert begin_with(model, tmp_path / "first.safetensors") == (size is WIDE)
        assert model.state_dict()["hm.0.1.bias"].tolist() == biases
    assert not caplog.records


def test_several_classes_of_other_names_are_reported_and_unscored(tmp_path, caplog):
    for count, names in ((2, ("car", "bus")), (1, ("car",))):
        save_checkpoint(network(**WIDE, class_names=names), tmp_path / "first.safetensors")
        model = network(1, **WIDE, class_names=("van", "tram")[:count])
        assert begin_with(model, tmp_path / "first.safetensors") == (count == 1)
    assert [record.getMessage().partition(": ")[2] for record in caplog.records] == [
        "car, bus; in that order they become van, tram",
        "car; in that order they become van",
    ]


def test_other_names_of_classes_are_reported_beside_a_new_head(tmp_path, caplog):
    first = network(**WIDE, class_names=("car", "bus"), attention="none")
    save_checkpoint(first, tmp_path / "first.safetensors")
    with caplog.at_level("INFO"):
        begin_with(network(1, **WIDE, class_names=("van", "tram")), tmp_path / "first.safetensors")
    assert "initialised at random: seg" in caplog.text
    assert "car, bus; in that order they become van, tram" in caplog.text


def test_missing_torch_pruning_is_reported_with_the_remedy(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch_pruning", None)
    with pytest.raises(ConfigError, match=r"pip install '\.\[train\]'"):
        narrow(network(**NARROW), network(**WIDE))


def test_shipped_nano_is_narrower_than_compact():
    assert is_narrower(SpotNet(preset_config("nano")), SpotNet(preset_config("compact")))
