from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest

from tools.training.class_map import Objects
from tools.training.crops import AnnotatedImage
from tools.training.pasting import BACKGROUND, CutOut, cut_out_some, paste

CAR = np.array([60, 180, 240], np.uint8)


def scene(boxes, hidden=None):
    """Returns grey noise with a bright ellipse as a car in every box, and its objects."""
    rng = np.random.default_rng(0)
    image = rng.integers(90, 110, (160, 240, 3), np.uint8)
    for left, top, right, bottom in boxes:
        y, x = np.mgrid[top:bottom, left:right]
        across = (2 * (x - left) + 1) / (right - left) - 1
        down = (2 * (y - top) + 1) / (bottom - top) - 1
        image[top:bottom, left:right][across**2 + down**2 <= 1] = CAR
    array = np.array(boxes, np.float32).reshape(-1, 4)
    flags = np.zeros(len(boxes), np.bool_) if hidden is None else np.array(hidden)
    return image, Objects(array, np.zeros(len(boxes), np.int64), flags)


def empty_crop(boxes=(), mask=None):
    return AnnotatedImage(
        np.full((128, 128, 3), 100, np.uint8),
        np.array(boxes, np.float32).reshape(-1, 4),
        np.zeros(len(boxes), np.int64),
        np.empty((0, 4), np.float32),
        mask,
    )


def square_cut_out(class_number=0, side=20):
    pixels = np.broadcast_to(CAR, (side, side, 3)).copy()
    return CutOut(pixels, np.ones((side, side), np.float32), class_number, 100.0)


def test_outline_of_a_car_is_found():
    image, objects = scene([(60, 40, 120, 80)])
    [cut] = cut_out_some(image, objects, 1, np.random.default_rng(0))
    is_car = (cut.pixels == CAR).all(-1)
    assert ((cut.alpha > 0.5) == is_car).mean() > 0.95
    assert cut.class_number == 0


@pytest.mark.parametrize(
    ("boxes", "hidden"),
    [
        ([(0, 40, 60, 80)], None),  # cut by the border
        ([(180, 40, 240, 80)], None),
        ([(60, 120, 120, 160)], None),
        ([(60, 40, 70, 80)], None),  # thin
        ([(60, 40, 120, 80), (100, 50, 160, 90)], None),  # one in front of the other
        ([(60, 40, 120, 80)], [True]),
    ],
)
def test_cut_thin_or_occluded_vehicles_are_not_cut_out(boxes, hidden):
    image, objects = scene(boxes, hidden)
    assert cut_out_some(image, objects, 3, np.random.default_rng(0)) == []


def test_any_complete_vehicle_may_be_cut_out():
    image, objects = scene([(20, 20, 60, 50), (100, 60, 140, 100)])
    heights = {
        cut.pixels.shape[0]
        for seed in range(10)
        for cut in cut_out_some(image, objects, 1, np.random.default_rng(seed))
    }
    assert heights == {30, 40}


def test_very_thin_box_is_cut_out_without_searching_its_outline():
    image = np.zeros((200, 1100, 3), np.uint8)
    line = Objects(
        np.array([[20, 50, 1080, 65]], np.float32), np.zeros(1, np.int64), np.zeros(1, np.bool_)
    )
    [cut] = cut_out_some(image, line, 1, np.random.default_rng(0))
    assert cut.alpha.shape == (15, 1060)


def test_pasted_vehicle_has_a_box_around_its_pixels():
    for seed in range(20):
        crop = paste(empty_crop(), [square_cut_out(2)], np.random.default_rng(seed))
        [(left, top, right, bottom)] = crop.boxes.astype(int)
        changed = (crop.image != 100).any(-1)
        assert changed[top:bottom, left:right].all()
        assert changed.sum() == (right - left) * (bottom - top)
        assert crop.classes.tolist() == [2]


def test_pasted_vehicle_is_about_as_large_as_its_neighbour():
    sides = []
    for seed in range(50):
        crop = paste(
            empty_crop([(50, 50, 70, 70)]), [square_cut_out()], np.random.default_rng(seed)
        )
        sides += [float(box[2] - box[0]) for box in crop.boxes[1:]]
    assert len(sides) > 40
    assert 15 < np.median(sides) < 27


def test_pasted_vehicle_is_near_the_row_of_another_vehicle():
    centers = []
    for seed in range(50):
        crop = paste(
            empty_crop([(50, 20, 70, 40)]), [square_cut_out()], np.random.default_rng(seed)
        )
        centers += [float(box[1] + box[3]) / 2 for box in crop.boxes[1:]]
    assert abs(np.median(centers) - 30) < 8
    assert np.max(centers) < 70


def test_pasted_vehicle_is_enlarged_by_at_most_half():
    for seed in range(20):
        before = empty_crop([(4, 4, 104, 104)])
        crop = paste(before, [square_cut_out(side=10)], np.random.default_rng(seed))
        assert all(box[2] - box[0] <= 15 for box in crop.boxes[1:])


def test_pasted_background_object_is_smaller_than_a_vehicle():
    sides = []
    for seed in range(50):
        before = empty_crop([(50, 50, 70, 70)])
        crop = paste(before, [square_cut_out(BACKGROUND)], np.random.default_rng(seed))
        sides.append((crop.image != 100).any(-1).sum() ** 0.5)
    assert 8 < np.median(sides) < 15


@pytest.mark.parametrize("level", [30, 200])
def test_pasted_vehicle_matches_the_brightness_of_the_image(level):
    for seed in range(20):
        before = empty_crop()
        before.image[:] = level
        crop = paste(before, [square_cut_out()], np.random.default_rng(seed))
        pasted = crop.image[(crop.image != level).any(-1)]
        assert ((pasted < CAR) if level < 100 else (pasted >= CAR)).all()


def test_an_outline_is_mirrored_with_its_pixels():
    cut = square_cut_out()
    cut.pixels[:, 10:], cut.alpha[:, 10:] = 0, 0
    for seed in range(20):
        crop = paste(empty_crop(), [cut], np.random.default_rng(seed))
        assert (crop.image != 100).any()
        assert crop.image.max(axis=-1).min() > 60


def test_pasting_keeps_ignored_regions():
    before = replace(empty_crop(), ignored=np.array([[1, 2, 30, 40]], np.float32))
    after = paste(before, [square_cut_out()], np.random.default_rng(0))
    assert after.ignored.tolist() == [[1, 2, 30, 40]]


def test_no_box_is_covered_by_more_than_half():
    existing = (40, 40, 60, 60)
    for seed in range(100):
        crop = paste(empty_crop([existing]), [square_cut_out()] * 3, np.random.default_rng(seed))
        for first, second in combinations(crop.boxes, 2):  # in the order of pasting
            sides = np.minimum(first[2:], second[2:]) - np.maximum(first[:2], second[:2])
            assert sides.clip(0).prod() <= (first[2:] - first[:2]).prod() / 2


def test_pasted_background_object_gets_no_box_and_no_mask():
    mask = np.full((128, 128), 255, np.uint8)
    crop = paste(empty_crop(mask=mask), [square_cut_out(BACKGROUND)], np.random.default_rng(0))
    changed = (crop.image != 100).any(-1)
    assert changed.any()
    assert not len(crop.boxes)
    assert (crop.mask[changed] == 0).all()
    assert (crop.mask[~changed] == 255).all()


def test_pasting_adds_to_the_mask_of_a_copy():
    mask = np.zeros((128, 128), np.uint8)
    before = empty_crop(mask=mask)
    after = paste(before, [square_cut_out()], np.random.default_rng(0))
    assert ((after.mask == 255) == (after.image != 100).any(-1)).all()
    assert not mask.any()
    assert (before.image == 100).all()
