import pytest
import torch

from stages.detector.engines.device import usable_device
from stages.errors import ConfigError


def test_a_device_that_works():
    assert usable_device("cpu") == torch.device("cpu")


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_a_gpu():
    assert usable_device("cuda:0") == torch.device("cuda:0")


@pytest.mark.parametrize("name", ["gpu", "cuda:77", "meta", "cpu:x", ""])
def test_a_device_that_does_not_is_named_with_those_there_are(name):
    with pytest.raises(ConfigError, match=f"^setting {name} cannot be used: .+; .* has cpu"):
        usable_device(name, "setting")
