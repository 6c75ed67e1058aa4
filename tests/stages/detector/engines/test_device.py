import pytest
import torch

from stages.detector.engines import device
from stages.detector.engines.device import choose_device, usable_device
from stages.errors import ConfigError


def test_a_working_device_is_usable():
    assert usable_device("cpu") == torch.device("cpu")


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_a_gpu_is_usable():
    assert usable_device("cuda:0") == torch.device("cuda:0")


@pytest.mark.parametrize("name", ["gpu", "cuda:77", "meta", "cpu:x", ""])
def test_an_unusable_device_is_refused_with_the_available_ones(name):
    with pytest.raises(ConfigError, match=f"^setting {name} cannot be used: .+; .* has cpu"):
        usable_device(name, "setting")


def test_auto_falls_back_to_the_cpu_if_torch_cannot_use_the_gpu(monkeypatch, caplog):
    def initialise():
        raise RuntimeError("The NVIDIA driver on your system is too old.\nPlease update it.")

    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setattr(torch.cuda, "_lazy_init", initialise)
    assert choose_device("auto", worker=3) == torch.device("cpu")
    [warning] = caplog.messages
    assert warning.startswith(
        "device cuda:0 cannot be used: The NVIDIA driver on your system is too"
    )
    assert warning.endswith("; using the CPU")
    for named in ("cuda", "cuda:0"):
        with pytest.raises(ConfigError, match="driver on your system is too old"):
            choose_device(named)


@pytest.mark.parametrize("name", ["auto", "cuda"])
def test_gpus_are_taken_in_turn_unless_one_is_named(name, monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(device, "usable_device", lambda name, setting: torch.device(name))
    assert [choose_device(name, worker=worker).index for worker in range(3)] == [0, 1, 0]
    assert choose_device("cuda:0", worker=1).index == 0
