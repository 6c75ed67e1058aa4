"""Detections are drawn into copies of their images."""

import cv2
import numpy as np
import pytest

from stages.errors import ConfigError
from stages.records import Detections, Frame
from tools.datasets.contact_sheet import CLASS_COLORS
from tools.detection.overlay import DetectionOverlays

GRAY = np.full((300, 400, 3), 120, np.uint8)
CAR, BUS = CLASS_COLORS[:2]


def drawn(tmp_path, detections, image=GRAY, class_names=("car", "bus"), name="a.png"):
    """Writes the overlay of one image and reads it back."""
    boxes, scores, classes = zip(*detections, strict=True) if detections else ((), (), ())
    found = Detections(
        Frame.of_image(image, "a").header,
        np.array(boxes, np.float32).reshape(-1, 4),
        np.array(scores, np.float32),
        np.array(classes, np.int16),
    )
    before = image.copy()
    path = tmp_path / "images" / name
    DetectionOverlays(tmp_path / "out", [path], class_names).write(path, image, found)
    assert (image == before).all()
    return cv2.imread(str(tmp_path / "out" / name))


def colors(picture):
    return set(map(tuple, picture.reshape(-1, 3).tolist()))


def has_outline(picture, box, color):
    """Whether a box (ltrb) has ``color`` on its sides, except the top, which a label may hide."""
    left, top, right, bottom = box
    middle = (top + bottom) // 2
    sides = picture[middle, left], picture[middle, right], picture[bottom, (left + right) // 2]
    return all((side == color).all() for side in sides)


def test_boxes_are_drawn_in_class_colors_and_weak_ones_are_omitted(tmp_path):
    car, bus, weak = (60, 80, 160, 150), (200, 80, 300, 200), (320, 20, 380, 60)
    picture = drawn(tmp_path, [(car, 0.9, 0), (bus, 0.3, 1), (weak, 0.29, 1)])
    assert has_outline(picture, car, CAR)
    assert has_outline(picture, bus, BUS)
    assert (picture[:, 310:] == 120).all()


def test_an_image_without_likely_detections_is_copied_unchanged(tmp_path):
    assert (drawn(tmp_path, []) == GRAY).all()
    assert (drawn(tmp_path, [((60, 80, 160, 150), 0.1, 0)]) == GRAY).all()


def test_labels_name_the_class_only_if_there_are_several(tmp_path):
    box = (100, 150, 300, 250)

    def label_width(class_names):
        picture = drawn(tmp_path, [(box, 0.9, 0)], class_names=class_names)
        above = (picture[:145] == CAR).all(axis=2).any(axis=0)
        return np.flatnonzero(above)[-1] - np.flatnonzero(above)[0]

    assert label_width(("car",)) < label_width(("car", "bus")) < label_width(("minibus", "bus"))


def test_the_highest_scoring_detection_is_drawn_on_top(tmp_path):
    box = (60, 80, 300, 150)
    assert has_outline(drawn(tmp_path, [(box, 0.5, 0), (box, 0.9, 1), (box, 0.4, 0)]), box, BUS)


def test_labels_stay_inside_the_image_when_boxes_leave_it(tmp_path):
    picture = drawn(tmp_path, [((-50, -40, 60, 70), 0.9, 0), ((380, 250, 1e12, 1e12), 0.8, 1)])
    assert (picture[30, 60] == CAR).all()
    assert (picture[280, 380] == BUS).all()
    assert (picture[236:249, 350:378] == BUS).all(axis=2).any()  # the label, moved to the left
    assert picture[73:90, :50].max(axis=2).min() < 60  # black letters
    assert (picture[73:90, :50] == CAR).all(axis=2).any()  # the label, below


def test_lines_grow_with_the_shorter_side(tmp_path):
    for shape in ((1200, 1600, 3), (1600, 1200, 3)):
        picture = drawn(tmp_path, [((400, 400, 800, 800), 0.9, 0)], np.full(shape, 120, np.uint8))
        assert 4 <= (picture[600, 380:420] == CAR).all(axis=1).sum() <= 5


def test_an_image_too_small_for_labels_still_gets_boxes(tmp_path):
    small = np.full((11, 11, 3), 120, np.uint8)
    assert colors(drawn(tmp_path, [((2, 2, 8, 8), 0.9, 0)], small)) == {(120, 120, 120), CAR}


def test_an_overlay_that_would_replace_an_image_is_refused(tmp_path):
    (tmp_path / "images").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "images")
    image = tmp_path / "images" / "a.png"
    for folder in ("images", "link"):
        with pytest.raises(
            ConfigError, match=rf"{folder}/a\.png is an input; choose another folder"
        ):
            DetectionOverlays(tmp_path / folder, [image], ("car",))


def test_an_unsupported_image_format_is_refused_before_the_work(tmp_path):
    with pytest.raises(ConfigError, match="is not an image format"):
        DetectionOverlays(tmp_path / "out", [tmp_path / "a.svg"], ("car",))
