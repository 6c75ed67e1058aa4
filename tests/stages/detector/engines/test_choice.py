"""Which engine is chosen, and what is reported if none can be."""

import sys

import pytest
import torch

from stages.detector.engines import build_engine, choice, installed_engines
from stages.detector.engines.onnx_graph import onnx_model
from stages.detector.engines.torch_engine import TorchEngine
from stages.detector.network_detector import NetworkDetector
from stages.detector.weights_file import load_network
from stages.errors import ConfigError, SpotStreamError


def test_torch_is_always_installed():
    assert "torch" in installed_engines()


@pytest.mark.parametrize(
    ("device", "packages", "expected"),
    [("cuda", True, "torch"), ("cpu", True, "openvino"), ("cpu", False, "torch")],
)
def test_auto_takes_openvino_on_a_cpu(device, packages, expected, monkeypatch):
    monkeypatch.setattr(choice, "installed", lambda *names: packages)
    assert choice._fastest(torch.device(device)) == expected


@pytest.mark.parametrize(
    ("engine", "package", "extra"),
    [
        ("openvino", "openvino", "openvino"),
        ("openvino", "onnx", "openvino"),
        ("onnxruntime", "onnxruntime", "onnx"),
        ("onnxruntime", "onnx", "onnx"),
    ],
)
def test_a_missing_package_names_its_extra(engine, package, extra, weights, monkeypatch):
    if package == "onnx":
        pytest.importorskip(engine)
    monkeypatch.setitem(sys.modules, package, None)  # importing it fails
    with pytest.raises(ConfigError, match=rf"package {package}: .*\.\[{extra}\]"):
        build_engine(weights, engine)


def test_auto_names_the_extra_that_reads_an_exported_model(tmp_path, monkeypatch):
    monkeypatch.setattr(choice, "installed", lambda *names: False)
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(ConfigError, match=r"\.\[onnx\]"):
        build_engine(tmp_path / "model.onnx")


@pytest.mark.parametrize(
    ("setting", "allowed"),
    [
        ({"engine": "tensorrt"}, "engine must be one of auto, torch, openvino, onnxruntime"),
        ({"precision": "fp16"}, "precision must be one of auto, float32, int8"),
    ],
)
def test_an_unknown_engine_or_precision_is_refused(setting, allowed, weights):
    with pytest.raises(ConfigError, match=rf"detector\.{allowed}, got '\w+'"):
        build_engine(weights, **setting)


@pytest.mark.parametrize(
    ("name", "engine"), [("a.onnx", "torch"), ("a.xml", "torch"), ("a.xml", "onnxruntime")]
)
def test_an_engine_that_does_not_read_the_model_is_refused(name, engine, tmp_path):
    with pytest.raises(ConfigError, match=f"{engine} does not read .*{name}"):
        build_engine(tmp_path / name, engine)


@pytest.mark.parametrize("device", ["gpu", "cuda:77"])
def test_a_missing_device_is_refused(device, weights):
    with pytest.raises(ConfigError, match=f"detector.device {device} cannot be used: .* has cpu"):
        build_engine(weights, device=device)


def test_only_torch_uses_a_gpu(weights, monkeypatch):
    monkeypatch.setattr(choice, "choose_device", lambda name, *_: torch.device(name))
    with pytest.raises(ConfigError, match="onnxruntime computes on the CPU, got device cuda"):
        build_engine(weights, "onnxruntime", device="cuda:0")


@pytest.mark.parametrize(
    ("file", "engine"),
    [
        *(("w.safetensors", "openvino"), ("a.onnx", "auto"), ("a.xml", "auto")),
        *(("A.ONNX", "auto"), ("A.XML", "auto")),
    ],
)
def test_cpu_engines_leave_an_available_gpu_alone(tmp_path, monkeypatch, file, engine):
    monkeypatch.setattr(
        choice,
        "choose_device",
        lambda name, *_: torch.device("cuda:0" if name == "auto" else name),
    )
    monkeypatch.setattr(choice, "_cpu_engine", lambda name: lambda *given: given[:2])
    assert build_engine(tmp_path / file, engine, threads=3) == (tmp_path / file, 3)


def test_int8_is_refused_on_a_gpu(weights, monkeypatch):
    monkeypatch.setattr(choice, "choose_device", lambda name, *_: torch.device(name))
    with pytest.raises(ConfigError, match=r"int8 is for CPUs: set detector\.device=cpu, not cuda"):
        build_engine(weights, precision="int8", device="cuda:0")


def test_the_precision_of_an_exported_model_cannot_be_set(tmp_path):
    with pytest.raises(ConfigError, match=r"a\.onnx was exported in one, leave it at auto"):
        build_engine(tmp_path / "a.onnx", precision="float32")


def test_the_number_of_boxes_of_an_exported_model_cannot_be_raised(tmp_path):
    with pytest.raises(ConfigError, match=r"max_detections .*a\.onnx was exported with 100, leave"):
        build_engine(tmp_path / "a.onnx", top_k=101)


def test_an_onnx_model_without_our_metadata_is_refused(weights, tmp_path):
    onnx = pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    model = onnx.load_from_string(onnx_model(load_network(weights)))
    del model.metadata_props[:]
    onnx.save(model, tmp_path / "bare.onnx")
    with pytest.raises(ConfigError, match=r"bare\.onnx holds no SpotNet .*detector\.name$"):
        build_engine(tmp_path / "bare.onnx")


def test_missing_and_broken_onnx_models_are_refused(tmp_path):
    pytest.importorskip("onnxruntime")
    with pytest.raises(ConfigError, match="no weights file"):
        build_engine(tmp_path / "missing.onnx", "onnxruntime")
    for content, message in (
        (b"no model", "is not an ONNX model, or was cut off"),
        (b"", "is empty: copy"),
    ):
        (tmp_path / "broken.onnx").write_bytes(content)
        with pytest.raises(ConfigError, match=rf"broken\.onnx {message}"):
            build_engine(tmp_path / "broken.onnx", "onnxruntime")


def test_the_detector_uses_the_configured_engine(weights):
    detector = NetworkDetector(engine="torch", threads=1)
    assert isinstance(detector.engine, TorchEngine)
    assert (detector.batch_size, detector.compute_threads) == (1, None)


def test_a_device_without_memory_for_the_network_is_reported(weights, monkeypatch):
    def full(*_):
        raise torch.OutOfMemoryError("CUDA out of memory. " + 600 * "x")

    monkeypatch.setattr("stages.detector.engines.torch_engine.load_network", full)
    with pytest.raises(SpotStreamError, match=r"^the memory of cpu is full before the first frame"):
        build_engine(weights, "torch", device="cpu")
