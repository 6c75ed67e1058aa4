import pytest
from torch import nn

from stages.detector.weights_file import check_exported, load_network
from stages.errors import ConfigError


def batch_norms(network):
    return sum(isinstance(module, nn.BatchNorm2d) for module in network.modules())


def test_batch_norms_are_folded_by_default():
    assert batch_norms(load_network()) == 0
    assert batch_norms(load_network(fused=False)) > 0


def test_an_error_names_the_setting(tmp_path):
    missing = tmp_path / "a.safetensors"
    with pytest.raises(ConfigError, match=r"^teacher: no weights file .*a\.safetensors;"):
        load_network(missing, setting="teacher")
    with pytest.raises(ConfigError, match=r"^no weights file .*; shipped are compact, nano, base$"):
        load_network(missing)


@pytest.mark.parametrize("name", ["a.xml", "A.XML"])
def test_an_xml_file_that_describes_no_network_is_refused(tmp_path, name):
    (tmp_path / name).write_text('<?xml version="1.0"?><sequence/>')
    with pytest.raises(ConfigError, match=rf"{name} is not an OpenVINO model, or was cut off"):
        check_exported(tmp_path / name)
