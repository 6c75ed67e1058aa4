"""Detectors named ``package.module:Class``."""

import re

import cv2
import numpy as np
import pytest
import torch

from stages.detector.own_detector import OwnDetector
from stages.errors import ConfigError, SpotStreamError
from stages.records import Frame
from tests.stages.detector.frames import yuv_frame

HEIGHT, WIDTH = 60, 80


class Given:
    """Returns ``result`` for every image, and keeps the images; draws on them."""

    class_names = ("car", "traffic light")
    result = None
    images = ()

    def detect(self, images):
        Given.images = [image.copy() for image in images]
        for image in images:
            image[:] = 0
        return [self.result for _ in images]


class Whole(Given):
    def detect(self, images):
        return self.result


class Configured(Given):
    def __init__(self, weights, names=("car",)):
        self.size = len(weights)
        self.class_names = names


class Unnamed:
    def detect(self, images):
        return []


class Silent:
    class_names = ("car",)


def own(name, settings=None, **options):
    return OwnDetector(f"{__name__}:{name}", settings or {}, **options)


def image(seed=0):
    return np.random.default_rng(seed).integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)


@pytest.mark.parametrize("convert", [np.asarray, torch.tensor, list])
def test_detections_are_filtered_clipped_and_sorted(convert, monkeypatch):
    boxes = [
        [0, 0, 20, 20],
        [-5.5, 30, 20, 90],  # reaches beyond the frame
        [40, 0, 60, 20],
        [10, 10, 30, 11],  # too flat
        [90, 0, 99, 20],  # outside
        [0, 5, 20, 20],
    ]
    scores, classes = [0.3, 0.9, 0.1, 0.8, 0.8, 0.3], [0, 1, 0, 0, 0, 1]
    monkeypatch.setattr(Given, "result", tuple(map(convert, (boxes, scores, classes))))
    frames = [Frame.of_image(image(), "east", index) for index in range(2)]
    for each, frame in zip(own("Given", min_score=0.2).detect(frames), frames, strict=True):
        assert each.frame is frame.header
        assert each.boxes.tolist() == [[0, 30, 20, 60], [0, 0, 20, 20], [0, 5, 20, 20]]
        np.testing.assert_array_equal(each.scores, np.float32([0.9, 0.3, 0.3]))
        assert each.classes.tolist() == [1, 0, 1]
        dtypes = each.boxes.dtype, each.scores.dtype, each.classes.dtype
        assert dtypes == (np.float32, np.float32, np.int16)
    [strongest] = own("Given", min_score=0.2, max_detections=1).detect(frames[:1])
    assert strongest.scores.tolist() == np.float32([0.9]).tolist()


def test_detections_of_other_classes_do_not_count_for_the_limit(monkeypatch):
    boxes = [[0, 0, 20, 20], [30, 0, 50, 20], [0, 30, 20, 50]]
    monkeypatch.setattr(Given, "result", (boxes, [0.9, 0.8, 0.7], [0, 1, 1]))
    detector = own("Given", classes=["traffic light"], max_detections=1)
    assert detector.class_names == ("car", "traffic light")
    [found] = detector.detect([Frame.of_image(image())])
    assert (found.boxes.tolist(), found.classes.tolist()) == ([boxes[1]], [1])
    message = "^detector.classes: the detector has no class bus; it has car, traffic light$"
    with pytest.raises(ConfigError, match=message):
        own("Given", classes=["bus"])


def test_images_are_bgr_and_may_be_changed(monkeypatch):
    monkeypatch.setattr(Given, "result", ([], [], []))
    frames = [Frame.of_image(image()), yuv_frame(HEIGHT, WIDTH, seed=1)]
    before = [frame.pixels.copy() for frame in frames]
    assert [len(found) for found in own("Given").detect(frames)] == [0, 0]
    bgr, yuv = Given.images
    np.testing.assert_array_equal(bgr, before[0])
    np.testing.assert_array_equal(yuv, cv2.cvtColor(before[1], cv2.COLOR_YUV2BGR_I420))
    for frame, pixels in zip(frames, before, strict=True):
        np.testing.assert_array_equal(frame.pixels, pixels)


BOX = [[0, 0, 9, 9]]


@pytest.mark.parametrize(
    ("result", "problem"),
    [
        (None, "a result must be (boxes, scores, classes), got NoneType"),
        ((BOX, [0.5]), "a result must be (boxes, scores, classes), got 2"),
        (([[0, 0, 9, 9, 1]], [0.5], [0]), "boxes must have shape (N, 4), got (1, 5)"),
        (
            ([[0, 0, 9, 9], [30, 20, 10, 15]], [0.5, 0.5], [0, 0]),  # left, top, width, height
            "boxes must be left, top, right, bottom, got [30.0, 20.0, 10.0, 15.0]",
        ),
        (
            ([[0, 0, 0, 0], [0.25, 0.5, 1, 0.75]], [0.5, 0.5], [0, 0]),
            "boxes must be in pixels, not in parts of the image, got [0.25, 0.5, 1.0, 0.75]",
        ),
        (([[0, 0, np.nan, 9]], [0.5], [0]), "boxes must be finite, got [0.0, 0.0, nan, 9.0] in "),
        ((BOX, [0.5, 0.4], [0]), "scores must have shape (1,), got (2,)"),
        ((BOX, [np.inf], [0]), "scores must be finite"),
        (
            (BOX, torch.ones(1, requires_grad=True), [0]),
            "scores must be an array of numbers: Can't",
        ),
        ((BOX, [0.5], ["car"]), "classes must be an array of numbers: could not convert"),
        ((BOX, [0.5], [2]), "classes must be whole numbers from 0 to 1, got 2"),
        ((BOX, [0.5], [-1]), "classes must be whole numbers from 0 to 1, got -1"),
        ((BOX, [0.5], [0.5]), "classes must be whole numbers from 0 to 1, got 0.5"),
    ],
)
def test_a_wrong_result_is_reported_with_the_class_and_the_frame(monkeypatch, result, problem):
    monkeypatch.setattr(Given, "result", result)
    expected = f"detector '{__name__}:Given': stream east, frame 8: {problem}"
    with pytest.raises(SpotStreamError, match=re.escape(expected)) as caught:
        own("Given").detect([Frame.of_image(image(), "east", 7)])
    assert not isinstance(caught.value, ConfigError)  # which would end only this stream


@pytest.mark.parametrize(
    ("boxes", "scores"),
    [
        ([[0, 0, 0, 0]], [0]),  # fills up a result
        ([[0, 0, 0.5, 0]], [0.9]),
        ([[9, 9, 8.5, 9]], [0.9]),  # inaccurate sides of an object that is hardly there
        ([[9, 9, 2, 2], [0, 0, 0.5, 0.5]], [0.05, 0.05]),  # too weak to count
    ],
)
def test_boxes_without_an_area_and_weak_ones_may_have_any_form(monkeypatch, boxes, scores):
    monkeypatch.setattr(Given, "result", (boxes, scores, np.zeros(len(boxes))))
    [found] = own("Given").detect([Frame.of_image(image())])
    assert len(found) == 0


def test_a_box_in_the_first_pixel_may_follow_larger_ones(monkeypatch):
    detector = own("Given")
    for sides, kept in ((9, 1), (0.5, 0)):
        monkeypatch.setattr(Given, "result", ([[0, 0, sides, sides]], [0.5], [0]))
        [found] = detector.detect([Frame.of_image(image())])
        assert len(found) == kept


@pytest.mark.parametrize(("result", "got"), [(None, "NoneType"), ((BOX, [0.5], [0]), "3")])
def test_a_wrong_number_of_results_is_reported(monkeypatch, result, got):
    monkeypatch.setattr(Whole, "result", result)
    problem = (
        f"detect must return 2 results, one (boxes, scores, classes) for each image, got {got}"
    )
    with pytest.raises(SpotStreamError, match=re.escape(f"{__name__}:Whole': {problem}")):
        own("Whole").detect([Frame.of_image(image())] * 2)


def test_settings_are_arguments_of_the_constructor():
    detector = own("Configured", {"weights": "a.onnx", "names": ["bus"]})
    assert detector.class_names == ("bus",)
    assert detector.name == f"{__name__}:Configured"
    assert detector.description == detector.name
    assert (detector.batch_size, detector.compute_threads, detector.is_immediate) == (
        1,
        None,
        False,
    )


@pytest.mark.parametrize(
    ("name", "settings", "problem"),
    [
        (
            "Configured",
            {},
            "detector.settings do not fit Configured(weights, names=('car',)): missi",
        ),
        ("Configured", {"weights": "a", "size": 1}, "got an unexpected keyword argument 'size'"),
        (
            "Configured",
            {"weights": 1},
            "it cannot be built: TypeError: object of type 'int' has no",
        ),
        (
            "Configured",
            {"weights": "", "names": "car"},
            "class_names must be a list of names, got 'c",
        ),
        ("Configured", {"weights": "", "names": []}, "class_names must be a list of names, got []"),
        (
            "Configured",
            {"weights": "", "names": [1]},
            "class_names must be a list of names, got [1]",
        ),
        (
            "Configured",
            {"weights": "", "names": ["a,b"]},
            "class_names must be printable and have no commas",
        ),
        (
            "Configured",
            {"weights": "", "names": ["a\nb"]},
            "class_names must be printable and have no commas",
        ),
        ("Unnamed", {}, "class_names must be a list of names, got None"),
        ("Silent", {}, "Silent has no method detect"),
        ("Absent", {}, f"module {__name__} has no class 'Absent'"),
    ],
)
def test_a_class_that_cannot_be_used_is_refused(name, settings, problem):
    with pytest.raises(ConfigError) as caught:
        own(name, settings)
    assert str(caught.value).startswith(f"detector '{__name__}:{name}': ")
    assert problem in str(caught.value)


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("nowhere:Own", "there is no module nowhere; install it, or add its folder to PYTHONPATH"),
        ("yolo", "the name must be package.module:Class"),
        (":Own", "the name must be package.module:Class"),
    ],
)
def test_a_name_without_a_class_is_refused(name, problem):
    with pytest.raises(ConfigError, match=f"^detector '{name}': {re.escape(problem)}$"):
        OwnDetector(name, {})
