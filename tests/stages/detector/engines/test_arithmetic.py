from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from stages.detector.engines import arithmetic
from stages.detector.engines.arithmetic import arithmetic_of, fast_dtype
from stages.detector.engines.torch_engine import TorchEngine
from stages.detector.shipped import find_weights
from stages.detector.spotnet import SpotNet
from stages.detector.weights_file import load_network

CPU = torch.device("cpu")


@pytest.fixture
def cpu(monkeypatch):
    """Returns a function that sets what the CPU supports."""

    def set_support(*, bfloat16=False, avx2=True):
        dtype = torch.bfloat16 if bfloat16 else torch.float32
        monkeypatch.setattr(arithmetic, "fast_dtype", lambda device: dtype)
        monkeypatch.setattr(torch.cpu, "_is_avx2_supported", lambda: avx2)

    return set_support


@pytest.mark.parametrize("name", ["compact", "nano", "base"])
def test_shipped_weights_use_the_fastest_arithmetic_of_the_cpu(name, cpu):
    network = load_network(find_weights(Path(name)))
    cpu(bfloat16=True)
    assert arithmetic_of("auto", network, CPU) == "bfloat16"
    cpu()
    assert arithmetic_of("auto", network, CPU) == "int8"
    cpu(avx2=False)
    assert arithmetic_of("auto", network, CPU) == "float32"


def test_networks_that_int8_does_not_support_use_float32(cpu):
    cpu()
    uncalibrated = SpotNet.compact(dims=(8, 8), modules=(1, 1))
    assert arithmetic_of("auto", uncalibrated, CPU) == "float32"


def test_other_devices_do_not_use_int8(cpu, weights):
    cpu()
    assert arithmetic_of("auto", load_network(weights), torch.device("meta")) == "float32"


@pytest.mark.parametrize("asked", ["float32", "int8"])
def test_a_requested_arithmetic_is_used(asked, cpu, weights):
    network = load_network(weights)
    for bfloat16 in (False, True):
        cpu(bfloat16=bfloat16)
        assert arithmetic_of(asked, network, CPU) == asked


def test_the_engine_computes_and_reports_int8_where_it_is_fastest(cpu, weights, images):
    cpu()
    found, expected = (TorchEngine(weights, CPU, each) for each in ("auto", "int8"))
    assert found.description == expected.description
    assert ", int8 on cpu" in found.description
    for one, other in zip(found.detect(images), expected.detect(images), strict=True):
        assert (one == other).all()


def test_a_cpu_computes_in_bfloat16_where_it_is_supported():
    flags = set(Path("/proc/cpuinfo").read_text().split())
    computes = bool(flags & {"amx_bf16", "avx512_bf16"})
    assert fast_dtype(torch.device("cpu")) is (torch.bfloat16 if computes else torch.float32)


def test_a_gpu_that_emulates_bfloat16_computes_in_float32(monkeypatch):
    """With two kinds of GPU in one machine, each is checked on its own."""
    generations = [8, 7]  # Ampere, Volta
    current = [0]

    @contextmanager
    def made_current(device):
        current.append(device.index)
        yield
        current.pop()

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device", made_current)
    monkeypatch.setattr(torch.cuda, "current_device", lambda: current[-1])
    monkeypatch.setattr(
        torch.cuda,
        "get_device_properties",
        lambda index: SimpleNamespace(major=generations[index]),
    )
    monkeypatch.setattr(torch.cuda, "_check_bf16_tensor_supported", lambda device: True)
    assert fast_dtype(torch.device("cuda:0")) == torch.bfloat16
    assert fast_dtype(torch.device("cuda:1")) == torch.float32
