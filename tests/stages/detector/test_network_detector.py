"""SpotNet with the shipped weights on frames."""

import hashlib
import threading
from concurrent import futures
from dataclasses import replace
from fractions import Fraction

import cv2
import numpy as np
import pytest
import torch

from stages.detector import network_detector
from stages.detector.engines import EngineOutput, build_engine, choice
from stages.detector.network_detector import NetworkDetector
from stages.detector.shipped import find_weights
from stages.detector.spotnet import SpotNet, save_checkpoint
from stages.errors import ConfigError
from stages.records import Frame, FrameHeader, PixelFormat, StreamStart
from stages.scene import Scene, SceneConfig


@pytest.fixture(scope="module")
def detector():
    return NetworkDetector(min_score=0.0, threads=1)


def frame(image, sequence=0, pixel_format=PixelFormat.BGR24):
    height, width = image.shape[:2]
    if pixel_format is PixelFormat.YUV420P:
        image = cv2.cvtColor(image, cv2.COLOR_BGR2YUV_I420)
    header = FrameHeader(
        "s", 0, sequence, sequence, 0, Fraction(1, 25), 0, height, width, pixel_format
    )
    return Frame(header, image)


@pytest.fixture(scope="module")
def scene():
    return Scene(SceneConfig(seed=2, width=320, height=192, frames=20, vehicles=120))


def test_the_description_identifies_the_weights_and_the_engine(detector):
    digest = hashlib.sha256(find_weights().read_bytes()).hexdigest()
    weights, computation = detector.description.split(", ", 1)
    assert weights == f"compact.safetensors (SHA-256 {digest[:12]}…)"
    assert computation == detector.engine.description


def test_a_batch_gives_the_results_of_each_frame_alone(detector, scene):
    images = [scene.render(0).image, scene.render(5).image[:160, :256], scene.render(10).image]
    frames = [frame(image, n) for n, image in enumerate(images)]
    together = detector.detect(frames)
    for one, found in zip(frames, together, strict=True):
        alone = detector.detect([one])[0]
        assert found.frame is one.header
        np.testing.assert_allclose(found.scores, alone.scores, atol=1e-5)
        np.testing.assert_allclose(found.boxes[:10], alone.boxes[:10], atol=1e-2)


@pytest.mark.parametrize("name", ["a.xml", "a.XML"])
def test_the_digest_of_an_openvino_model_is_that_of_its_weights(
    detector, tmp_path, monkeypatch, name
):
    monkeypatch.setattr(network_detector, "build_engine", lambda *_, **__: detector.engine)
    model, weights = tmp_path / name, tmp_path / "a.bin"
    assert NetworkDetector(model).description.startswith(f"{name}, ")
    weights.write_bytes(b"weights")
    digest = hashlib.sha256(b"weights").hexdigest()[:12]
    assert NetworkDetector(model).description.startswith(f"a.bin (SHA-256 {digest}…), ")


def test_a_detector_follows_its_settings(detector, scene, monkeypatch):
    workers, asked = [], {}

    def build(*given, **named):
        asked.update(named)
        return build_engine(*given, **named)

    def choose(name, setting, worker):
        workers.append(worker)
        return torch.device("cpu")

    monkeypatch.setattr(network_detector, "build_engine", build)
    monkeypatch.setattr(choice, "choose_device", choose)
    computed = {"engine": "torch", "precision": "int8", "worker": 3, "threads": 1}
    other = NetworkDetector("nano", scale=0.5, max_detections=2, min_score=0, **computed)
    assert (detector.scale, other.scale) == (0.75, 0.5)
    assert len(other.detect([frame(scene.render(3).image)])[0]) == 2
    assert "int8 on cpu" in other.description
    assert (workers, asked["threads"]) == ([3], 1)


def test_boxes_of_at_most_a_pixel_are_left_out(detector, scene, monkeypatch):
    """Boxes beyond the frame's edge become that small when they are clipped."""
    thin, low, beyond, small = (
        [30, 30, 30.75, 60], [30, 30, 60, 30.5], [241, 30, 270, 60], [30, 30, 31, 31],
    )  # fmt: skip
    boxes = np.array([[thin, low, beyond, small]], np.float32)
    scores, classes = np.full((1, 4), 0.5, np.float32), np.zeros((1, 4), np.int64)
    output = EngineOutput(boxes, scores, classes)
    monkeypatch.setattr(detector, "_compute", lambda *_: output)
    [found] = detector.detect([frame(scene.render(0).image)])
    np.testing.assert_allclose(found.boxes, [[40, 40, 124 / 3, 124 / 3]], rtol=1e-6)


@pytest.mark.parametrize(
    "spoil", [lambda image: image[..., 0], lambda image: image.astype(np.float32) / 255]
)
def test_pixels_of_another_shape_or_type_are_refused(detector, scene, spoil):
    image = scene.render(0).image
    detector.detect([frame(image)])
    with pytest.raises(ValueError, match="must have pixels"):
        detector.detect([Frame(frame(image).header, spoil(image))])


@pytest.mark.parametrize("scale", [0, -0.5, 4.01, float("inf"), float("nan")])
def test_a_scale_out_of_its_range_is_refused(scale):
    with pytest.raises(ConfigError, match=r"scale must be above 0 and at most 4, got"):
        NetworkDetector(scale=scale, device="cpu")


@pytest.mark.parametrize(
    ("setting", "value", "expected"),
    [
        ("min_score", float("nan"), r"lie in \[0, 1\], got nan"),
        ("min_score", 2, r"lie in \[0, 1\], got 2"),
        ("max_detections", 0, "be at least 1, got 0"),
        ("threads", -1, r"lie in \[0, 1024\], got -1"),
        ("threads", 10**6, r"lie in \[0, 1024\], got 1000000"),
    ],
)
def test_a_number_out_of_its_range_is_refused(setting, value, expected):
    with pytest.raises(ConfigError, match=rf"detector\.{setting} must {expected}"):
        NetworkDetector(device="cpu", **{setting: value})


def test_an_array_instead_of_a_frame_is_refused_with_advice(detector, scene):
    image = scene.render(0).image
    for images in ([image], [frame(image), image], image):
        with pytest.raises(TypeError, match=r"Frame\.of_image\(image\).*, got ndarray"):
            detector.detect(images)


@pytest.fixture
def same_threads():
    """Restores this process's number of threads, which detectors change."""
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def shared_detector():
    before = torch.get_num_threads()
    yield NetworkDetector(min_score=0.0, engine="torch", device="cpu", threads=2)
    torch.set_num_threads(before)


@pytest.fixture
def two_core_detector(shared_detector, same_threads):
    """A detector that computes two frames in parallel."""
    torch.set_num_threads(2)
    return shared_detector


def test_a_cpu_time_limit_limits_the_threads(monkeypatch, same_threads):
    monkeypatch.setattr("stages.cores.allowed_cores", lambda: 4)
    monkeypatch.setattr("stages.detector.network_detector.allowed_cores", lambda: 4)
    monkeypatch.setattr("stages.cores._time_limits", lambda: iter([2.5]))
    detector = NetworkDetector(engine="torch", device="cpu")
    assert torch.get_num_threads() == detector.batch_size == 3


def test_frames_side_by_side_give_exactly_what_they_give_alone(two_core_detector, scene):
    images = [scene.render(n).image[: 192 - 32 * (n % 2)] for n in range(5)]
    frames = [frame(image, n) for n, image in enumerate(images)]
    together = two_core_detector.detect(frames)
    for one, found in zip(frames, together, strict=True):
        (alone,) = two_core_detector.detect([one])
        assert found.frame is one.header
        assert np.array_equal(found.scores, alone.scores)
        assert np.array_equal(found.boxes, alone.boxes)


def test_a_cpu_computes_the_frames_of_a_batch_in_parallel(two_core_detector, scene, monkeypatch):
    compute, threads = two_core_detector.engine.detect, []
    both = threading.Barrier(2)

    def detect(images):
        both.wait(100)
        threads.append(torch.get_num_threads())
        return compute(images)

    frames = [frame(scene.render(n).image, n) for n in range(2)]
    monkeypatch.setattr(two_core_detector.engine, "detect", detect)
    assert all(map(len, two_core_detector.detect(frames)))
    assert (threads, torch.get_num_threads()) == ([1, 1], 2)
    assert two_core_detector.batch_size == two_core_detector.compute_threads.count == 2


def test_several_threads_may_detect_at_the_same_time(two_core_detector, scene):
    frames = [frame(scene.render(n).image[: 192 - 32 * (n % 2)], n) for n in range(6)]
    with futures.ThreadPoolExecutor(3) as threads:
        together = list(threads.map(lambda one: two_core_detector.detect([one])[0], frames))
        batches = list(threads.map(two_core_detector.detect, [frames] * 3))
    for one, *found in zip(frames, together, *batches, strict=True):
        (alone,) = two_core_detector.detect([one])
        assert all(np.array_equal(each.scores, alone.scores) for each in found)
        assert all(np.array_equal(each.boxes, alone.boxes) for each in found)


def test_a_frame_without_pixels_is_an_error_in_a_batch_too(two_core_detector, scene):
    empty = Frame(frame(scene.render(0).image).header, None)
    with pytest.raises(ValueError, match="pixels"):
        two_core_detector.detect([frame(scene.render(1).image), empty])


def test_detections_lie_inside_the_frame_in_order_of_score(detector, scene):
    found = detector.detect([frame(scene.render(3).image)])[0]
    assert found.boxes.dtype == np.float32
    assert found.scores.dtype == np.float32
    assert found.classes.dtype == np.int16
    assert len(found) > 0
    assert (np.diff(found.scores) <= 0).all()
    assert found.boxes.min() >= 0
    assert (found.boxes[:, 2:] <= [320, 192]).all()


def test_detections_below_min_score_are_left_out(detector, scene):
    one = frame(scene.render(3).image)
    everything = detector.detect([one])[0]
    limit = float(everything.scores[2])
    strict = NetworkDetector(min_score=limit, threads=1).detect([one])[0]
    assert len(strict) == (everything.scores >= limit).sum() >= 3
    np.testing.assert_array_equal(strict.scores, everything.scores[: len(strict)])


def test_detections_of_other_classes_are_left_out_after_the_limit(scene, tmp_path):
    shipped = SpotNet.from_checkpoint(find_weights("nano"))
    names = "car", "walker", "bus"
    network = SpotNet(replace(shipped.config, num_classes=3, class_names=names))
    state = shipped.state_dict()
    state["hm.0.1.weight"] = state["hm.0.1.weight"].repeat(3, 1, 1, 1)
    state["hm.0.1.bias"] = state["hm.0.1.bias"] - torch.arange(3) / 10  # a car is best a car
    network.load_state_dict(state)
    save_checkpoint(network, tmp_path / "own.pt")
    one = frame(scene.render(3).image)

    def found(*classes):
        detector = NetworkDetector(
            tmp_path / "own.pt", min_score=0, max_detections=20, threads=1, classes=classes
        )
        assert detector.class_names == names
        return detector.detect([one])[0]

    everything, some = found(), found("bus", "car")
    chosen = everything.classes != 1
    assert 0 < np.count_nonzero(chosen) < len(everything)
    assert set(some.classes) == {0, 2}
    np.testing.assert_array_equal(some.classes, everything.classes[chosen])
    np.testing.assert_array_equal(some.boxes, everything.boxes[chosen])
    message = "^detector.classes: the detector has no class tram, van; it has car, walker, bus$"
    with pytest.raises(ConfigError, match=message):
        found("tram", "car", "van")


def test_yuv_and_bgr_frames_give_similar_scores(detector, scene):
    image = scene.render(3).image
    bgr = detector.detect([frame(image)])[0]
    yuv = detector.detect([frame(image, pixel_format=PixelFormat.YUV420P)])[0]
    assert abs(float(bgr.scores[0]) - float(yuv.scores[0])) < 0.1


def test_weights_that_do_not_load_are_a_config_error(tmp_path):
    (tmp_path / "broken.safetensors").write_bytes(b"not weights")
    with pytest.raises(ConfigError, match=r"broken\.safetensors"):
        NetworkDetector(tmp_path / "broken.safetensors")


def test_a_stream_unfit_for_an_exported_network_fails_at_its_start(detector, monkeypatch):
    """Not in a batch, where the error would affect other streams."""
    monkeypatch.setattr(detector.engine, "size", (192, 320))
    fitting = StreamStart("s", 0, "s.mp4", 256, 427, Fraction(25), Fraction(1, 25))
    assert isinstance(detector.warnings(fitting), list)
    message = "an input of 320x192, frames of 960x540 at scale 0.75 need 768x448: export it without"
    with pytest.raises(ConfigError, match=message):
        detector.warnings(replace(fitting, height=540, width=960))
