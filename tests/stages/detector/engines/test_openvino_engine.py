import contextlib
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch

from stages.detector.engines import arithmetic as arithmetic_module
from stages.detector.engines import openvino_engine
from stages.detector.engines.arithmetic import fast_dtype
from stages.detector.engines.onnx_graph import onnx_model
from stages.detector.engines.openvino_engine import OpenVinoEngine
from stages.detector.engines.torch_engine import TorchEngine
from stages.detector.weights_file import load_network
from stages.errors import ConfigError
from trackers.boxes import iou_matrix

pytest.importorskip("onnx")
openvino = pytest.importorskip("openvino")

BFLOAT16, FLOAT32 = torch.bfloat16, torch.float32


@pytest.mark.parametrize(
    ("precision", "dtype", "hint", "arithmetic"),
    [
        ("auto", BFLOAT16, "bf16", "bfloat16"),
        ("auto", FLOAT32, "f32", "int8"),
        ("float32", BFLOAT16, "f32", "float32"),
        ("int8", BFLOAT16, "bf16", "int8"),
        ("int8", FLOAT32, "f32", "int8"),
    ],
)
def test_bfloat16_is_used_where_the_cpu_computes_in_it(
    precision, dtype, hint, arithmetic, weights, monkeypatch
):
    for module in (arithmetic_module, openvino_engine):
        monkeypatch.setattr(module, "fast_dtype", lambda device: dtype)
    monkeypatch.setattr(torch.cpu, "_is_avx2_supported", lambda: True)
    engine = OpenVinoEngine(weights, 9, precision)
    assert engine._properties["INFERENCE_PRECISION_HINT"] == hint
    assert (engine._properties["INFERENCE_NUM_THREADS"], engine.concurrent_calls) == (9, 4)
    assert f", {arithmetic} on cpu" in engine.description


@pytest.mark.parametrize("arithmetic", ["float32", "int8"])
@pytest.mark.parametrize("names", [("model.onnx", "model.xml"), ("MODEL.ONNX", "MODEL.XML")])
def test_an_exported_model_keeps_its_arithmetic(weights, tmp_path, monkeypatch, arithmetic, names):
    monkeypatch.setattr(openvino_engine, "fast_dtype", lambda device: BFLOAT16)
    network, int8 = load_network(weights), arithmetic == "int8"
    onnx, xml = (tmp_path / name for name in names)
    onnx.write_bytes(onnx_model(network, int8=int8))
    model = openvino_engine.openvino_model(openvino.Core(), network, int8=int8)
    openvino.save_model(model, tmp_path / "model.xml")
    (tmp_path / "model.xml").rename(xml)
    (tmp_path / "model.bin").rename(xml.with_suffix(".bin"))
    for path in (onnx, xml):
        engine = OpenVinoEngine(path, 1)
        assert engine._properties["INFERENCE_PRECISION_HINT"] == "f32"
        assert f", {arithmetic} on cpu" in engine.description


def test_weights_overwritten_in_place_do_not_affect_a_loaded_engine(weights, images, tmp_path):
    path = tmp_path / "model.xml"
    openvino.save_model(
        openvino_engine.openvino_model(openvino.Core(), load_network(weights)), path
    )
    engine = OpenVinoEngine(path, 1)
    with path.with_suffix(".bin").open("r+b") as file:
        file.write(bytes(path.with_suffix(".bin").stat().st_size))
    found = engine.detect(images[:1])
    expected = OpenVinoEngine(weights, 1, "float32").detect(images[:1])
    np.testing.assert_allclose(found.scores, expected.scores, atol=1e-3)


def test_a_file_that_is_not_a_model_is_refused(tmp_path):
    path = tmp_path / "model.xml"
    path.write_bytes(bytes(range(256)))
    with pytest.raises(ConfigError, match=r"model\.xml is not an OpenVINO model, or was cut off"):
        OpenVinoEngine(path, 1)


@pytest.mark.skipif(
    fast_dtype(torch.device("cpu")) is not BFLOAT16, reason="no bfloat16 on this CPU"
)
def test_scores_and_boxes_are_not_rounded_to_bfloat16(weights, images):
    """Otherwise, neighbouring cells are often equal, and both are peaks."""
    found = OpenVinoEngine(weights, 1).detect(images)
    expected = TorchEngine(weights, torch.device("cpu"), "float32").detect(images)
    assert not np.array_equal(found.scores, expected.scores)  # computed in bfloat16
    logits = torch.from_numpy(found.scores).double().logit()
    apart = (logits - logits.bfloat16()).abs()
    assert (apart > 1e-3).double().mean() > 0.5
    for boxes, right, sure in zip(found.boxes, expected.boxes, expected.scores > 0.3, strict=True):
        assert sure.sum() > 3
        assert iou_matrix(boxes, right[sure]).max(0).min() > 0.9


def test_images_in_parallel_give_exactly_the_results_of_each_alone(weights, images):
    engine = OpenVinoEngine(weights, 2)
    alone = engine.detect(images)
    assert engine.concurrent_calls == 2
    with ThreadPoolExecutor(engine.concurrent_calls, "detect", engine.share_cores) as threads:
        each = threads.map(engine.detect, [image[None] for image in images])
    for expected, *found in zip(alone, *each, strict=True):
        assert np.array_equal(np.concatenate(found), expected)
    assert len(engine._compiled) == 2  # once for all threads, and once for parallel images


@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="one core")
def test_no_thread_is_bound_to_a_core(weights, images):
    """Two detectors, each with one thread, would be bound to the same one."""
    engine = OpenVinoEngine(weights, 1)
    engine.detect(images)
    fewest = len(os.sched_getaffinity(0))
    computing = threading.Thread(target=lambda: [engine.detect(images) for _ in range(10)])
    computing.start()
    while computing.is_alive():
        for path in Path("/proc/self/task").iterdir():
            with contextlib.suppress(ProcessLookupError):  # it has just ended
                fewest = min(fewest, len(os.sched_getaffinity(int(path.name))))
    assert fewest > 1
