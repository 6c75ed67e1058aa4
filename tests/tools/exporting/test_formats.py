"""Exported files work on their own."""

import errno
import json
import os
import stat
import sys
import tempfile
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from stages.detector.engines.graph import DetectionGraph
from stages.detector.network_detector import NetworkDetector
from stages.detector.shipped import find_weights
from stages.detector.spotnet import SpotNet, save_checkpoint
from stages.detector.weights_file import load_network
from stages.errors import ConfigError, OutputError, SourceError
from tests.stages.detector.networks import SMALL
from tools.bench.detect import rendered_frames
from tools.detection.detect_images import detect_images
from tools.exporting.formats import SUFFIXES, export
from trackers.boxes import iou_matrix

CONFIG = NetworkDetector(threads=1, engine="torch").engine.config


@pytest.fixture(scope="module")
def image():
    noise = np.random.default_rng(0).integers(0, 255, (12, 20, 3), np.uint8)
    return cv2.resize(noise, (160, 96), interpolation=cv2.INTER_CUBIC)


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """Weights of a small network."""
    path = tmp_path_factory.mktemp("small") / "own.safetensors"
    save_checkpoint(SpotNet.compact(**SMALL), path)
    return path


def test_onnx_file_has_the_metadata_other_programs_need(tmp_path):
    onnx = pytest.importorskip("onnx")
    [path] = export(find_weights(), "onnx", tmp_path / "new" / "a.onnx")
    model = onnx.load(path)
    properties = {entry.key: entry.value for entry in model.metadata_props}
    assert properties["class_names"] == ",".join(CONFIG.class_names)
    assert float(properties["scale"]) == CONFIG.scale
    assert int(properties["size_multiple"]) == CONFIG.size_multiple
    assert json.loads(properties["spotnet"])["padding"] == properties["padding"]
    assert [node.name for node in model.graph.output] == ["boxes", "scores", "classes"]
    assert [file.name for file in path.parent.iterdir()] == ["a.onnx"]


@pytest.mark.parametrize(("format", "packages"), [("onnx", ["onnx", "onnxruntime"]),
                                                  ("openvino", ["onnx", "openvino"])])  # fmt: skip
def test_an_exported_file_detects_like_the_torch_weights(format, packages, image, tmp_path):
    for package in packages:
        pytest.importorskip(package)
    cv2.imwrite(str(tmp_path / "a.png"), image)
    model, *_ = export(find_weights(), format, tmp_path / f"m{SUFFIXES[format]}")
    given = ["detector.min_score=0", "detector.threads=1"]
    in_float32 = ["detector.engine=torch", "detector.precision=float32"]
    expected = detect_images([tmp_path / "a.png"], [], [*given, *in_float32], pytest.fail).results
    found = detect_images(
        [tmp_path / "a.png"], [], [*given, f"detector.weights={model}"], pytest.fail
    ).results
    for one, other in zip(found[:5], expected[:5], strict=True):
        np.testing.assert_allclose(one["bbox"], other["bbox"], atol=0.05)
        assert one["score"] == pytest.approx(other["score"], abs=1e-3)
        assert one["category"] == other["category"]


def test_torchscript_file_has_the_metadata_other_programs_need(tmp_path):
    [path] = export(find_weights("nano"), "torchscript", tmp_path / "a.torchscript")
    extra = {"class_names": "", "spotnet": ""}
    graph = torch.jit.load(path, _extra_files=extra)
    assert extra["class_names"].decode() == ",".join(CONFIG.class_names)
    assert ": Device = " not in str(graph.inlined_graph)  # it runs on any device it is moved to


def run_exported(format, path, images):
    """Boxes, scores and classes, computed by the runtime of the format."""
    if format == "torchscript":
        return torch.jit.load(path)(torch.from_numpy(images))
    if format == "onnx":
        runtime = pytest.importorskip("onnxruntime")
        session = runtime.InferenceSession(path, providers=["CPUExecutionProvider"])
        return session.run(None, {"images": images})
    core = pytest.importorskip("openvino").Core()
    network = core.compile_model(path, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    return network(images).to_tuple()


@pytest.mark.parametrize("format", SUFFIXES)
@pytest.mark.parametrize("size_multiple", [64, 16])
def test_any_image_and_batch_size_gives_the_same_boxes_as_torch(format, size_multiple, tmp_path):
    if format != "torchscript":
        pytest.importorskip("onnx")
        pytest.importorskip(format)
    torch.manual_seed(0)
    weights = tmp_path / "own.safetensors"
    save_checkpoint(SpotNet.compact(**SMALL | {"size_multiple": size_multiple}), weights)
    path, *_ = export(weights, format, tmp_path / f"a{SUFFIXES[format]}")
    graph = DetectionGraph(load_network(weights))
    for batch, height, width in (2, 64, 128), (1, size_multiple, size_multiple), (3, 128, 64):
        images = np.random.default_rng(0).integers(0, 255, (batch, height, width, 3), np.uint8)
        with torch.inference_mode():
            expected = graph(torch.from_numpy(images))
        found = run_exported(format, str(path), images)
        peaks = expected[1][:, :5] > 0.01  # all others have equal scores, in any order
        assert peaks.any(1).all()
        for one, right in zip(found, expected, strict=True):
            assert one.shape == right.shape
            found_there, right_there = np.asarray(one)[:, :5][peaks], right[:, :5][peaks]
            np.testing.assert_allclose(found_there, right_there, atol=1e-2)


def test_a_folder_that_cannot_be_synced_is_no_error(small, tmp_path, refuse_sync):
    refuse_sync(stat.S_ISDIR, errno.EINVAL)
    [path] = export(small, "torchscript", tmp_path / "a.torchscript")
    assert path.exists()


def test_an_onnx_file_for_one_size_refuses_another(image, tmp_path):
    pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    [path] = export(find_weights(), "onnx", tmp_path / "a.onnx", (320, 180))
    cv2.imwrite(str(tmp_path / "small.png"), image)
    refused: list[str] = []
    with pytest.raises(SourceError, match="no image can be used"):
        detect_images([tmp_path / "small.png"], [], [f"detector.weights={path}"], refused.append)
    assert "small.png: the network was exported for an input of 256x192, frames of" in refused[0]
    cv2.imwrite(str(tmp_path / "right.png"), cv2.resize(image, (320, 180)))
    weights = [f"detector.weights={path}"]
    assert detect_images([tmp_path / "right.png"], [], weights, pytest.fail).done == 1


def test_invalid_exports_are_refused(tmp_path):
    weights = find_weights()
    with pytest.raises(ConfigError, match=r"format onnx must end in \.onnx, got .*a\.xml"):
        export(weights, "onnx", tmp_path / "a.xml")
    with pytest.raises(ConfigError, match="--int8 is for formats onnx and openvino"):
        export(weights, "torchscript", tmp_path / "a.torchscript", int8=True)
    with pytest.raises(ConfigError, match="no weights file"):
        export(tmp_path / "none.safetensors", "torchscript", tmp_path / "a.torchscript")
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="a file is where a folder should be"):
        export(weights, "torchscript", tmp_path / "file" / "a.torchscript")


@pytest.mark.parametrize("format", SUFFIXES)
def test_frames_too_large_for_memory_are_refused(format, tmp_path):
    if format != "torchscript":
        pytest.importorskip("onnx")
        pytest.importorskip(format)
    side = 2**24  # more bytes than there are addresses
    with pytest.raises(ConfigError, match=f"frames of {side}x{side} need more memory"):
        export(find_weights(), format, tmp_path / f"a{SUFFIXES[format]}", (side, side))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("format", "package", "extra"), [("onnx", "onnx", "onnx"), ("openvino", "openvino", "openvino")]
)
def test_a_missing_package_error_names_its_extra(format, package, extra, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, package, None)  # importing it fails
    output = tmp_path / f"a{SUFFIXES[format]}"
    with pytest.raises(ConfigError, match=rf"package {package}: .*\.\[{extra}\]"):
        export(find_weights(), format, output)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("format", "package"), [("onnx", "onnxruntime"), ("openvino", "openvino")])
def test_an_int8_export_detects_at_the_given_frame_size(format, package, tmp_path):
    pytest.importorskip("onnx")
    pytest.importorskip(package)
    [frame] = rendered_frames(1)
    size = frame.header.width, frame.header.height
    model, *_ = export(find_weights(), format, tmp_path / f"a{SUFFIXES[format]}", size, int8=True)
    detector = NetworkDetector(model, threads=1)
    assert "int8" in detector.engine.description
    assert detector.engine.config == CONFIG
    assert detector.engine.size is not None
    [found] = detector.detect([frame])
    [expected] = NetworkDetector(threads=1, engine="torch").detect([frame])
    sure = expected.scores > 0.5
    assert sure.sum() > 3
    assert iou_matrix(found.boxes, expected.boxes[sure]).max(0).min() > 0.85


def test_an_export_follows_links_and_refuses_pipes(small, tmp_path):
    link, pipe = tmp_path / "link.torchscript", tmp_path / "pipe.torchscript"
    (tmp_path / "there").mkdir()
    link.symlink_to(tmp_path / "there" / "model.torchscript")
    export(small, "torchscript", link)
    assert link.is_symlink()
    assert torch.jit.load(str(link)) is not None
    os.mkfifo(pipe)
    with pytest.raises(OutputError, match="it is not a file"):
        export(small, "torchscript", pipe)


def test_openvinos_two_files_replace_older_ones_together(tmp_path, monkeypatch):
    pytest.importorskip("openvino")
    output = tmp_path / "a.xml"
    for name in ("a.xml", "a.bin", ".a.xml.part.xml"):
        (tmp_path / name).write_text("older")
    assert export(find_weights("nano"), "openvino", output) == [output, tmp_path / "a.bin"]
    assert sorted(file.name for file in tmp_path.iterdir()) == ["a.bin", "a.xml"]
    numbers = sum(each.numel() for each in load_network(find_weights("nano")).parameters())
    assert (tmp_path / "a.bin").stat().st_size >= 4 * numbers  # none is rounded to 16 bits
    replace = Path.replace

    def refuse(self, target):
        if target == output:
            raise OSError(errno.ENOSPC, "")
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", refuse)
    with pytest.raises(OutputError, match="no space left"):
        export(find_weights("nano"), "openvino", output)
    assert [file.name for file in tmp_path.iterdir()] == ["a.bin"]  # no older a.xml beside it


@pytest.mark.parametrize("format", ["torchscript", "onnx"])
def test_a_full_disk_leaves_no_files(format, full_disk):
    if format == "onnx":
        pytest.importorskip("onnx")
    with pytest.raises(OutputError, match="no space left"):
        export(find_weights(), format, full_disk / f"a{SUFFIXES[format]}")
    assert list(full_disk.iterdir()) == []


@pytest.mark.parametrize("int8", [False, True])
@pytest.mark.parametrize("format", ["onnx", "openvino"])
def test_no_temporary_file_is_needed(format, int8, tmp_path, monkeypatch):
    for package in ("onnx", format):
        pytest.importorskip(package)
    monkeypatch.setenv("TMPDIR", str(tmp_path / "nowhere"))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "nowhere"))
    output = tmp_path / f"a{SUFFIXES[format]}"
    assert export(find_weights("nano"), format, output, int8=int8)[0] == output
