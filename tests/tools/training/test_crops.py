from dataclasses import replace

import numpy as np

from tools.training.config import AugmentationConfig
from tools.training.crops import AnnotatedImage, mosaic, random_crop, recolor

SIDE = 64


def annotated_image(boxes, width=200, height=120, ignored=()):
    """Draws a dark image with each box in its own grey, so that pixels show where it went."""
    image = np.zeros((height, width, 3), np.uint8)
    for number, (left, top, right, bottom) in enumerate(boxes):
        image[top:bottom, left:right] = 100 + 50 * number
    return AnnotatedImage(
        image,
        np.array(boxes, np.float32).reshape(-1, 4),
        np.arange(len(boxes)),
        np.array(ignored, np.float32).reshape(-1, 4),
        (image[..., 0] > 0).astype(np.uint8) * 255,
    )


def test_boxes_and_mask_follow_the_pixels():
    source, seen = annotated_image([(60, 40, 100, 70), (140, 60, 180, 90)]), []
    for seed in range(30):
        crop = random_crop(source, (SIDE, SIDE), (0.5, 1.5), np.random.default_rng(seed))
        assert crop.image.shape == (SIDE, SIDE, 3)
        assert crop.mask is not None
        for box, number in zip(crop.boxes, crop.classes, strict=True):
            left, top, right, bottom = np.round(box).astype(int)
            inner = crop.image[top + 2 : bottom - 2, left + 2 : right - 2]
            assert (np.abs(inner.astype(int) - (100 + 50 * number)) < 30).mean() > 0.9
            if top > 4:
                assert crop.image[top - 3, (left + right) // 2].max() < 80
            seen.append(number)
        assert ((crop.mask > 127) == (crop.image[..., 0] > 50)).mean() > 0.97
    assert min(seen.count(number) for number in (0, 1)) > 5


def test_box_at_the_image_border_ends_with_the_image():
    source = annotated_image([(0, 0, 50, 30)], width=50, height=30)
    for seed in range(30):
        crop = random_crop(source, (SIDE, SIDE), (0.3, 0.9), np.random.default_rng(seed))
        filled = crop.image[..., 0] / 100
        [(left, top, right, bottom)] = crop.boxes
        assert abs(filled.max(axis=0).sum() - (right - left)) < 0.1
        assert abs(filled.max(axis=1).sum() - (bottom - top)) < 0.1


def test_small_remainder_of_a_box_is_not_a_vehicle():
    seen = set()
    for seed in range(200):
        crop = random_crop(
            annotated_image([(60, 40, 100, 70)]),
            (SIDE, SIDE),
            (1.0, 1.0),
            np.random.default_rng(seed),
        )
        assert len(crop.boxes) + len(crop.ignored) <= 1
        for left, top, right, bottom in crop.ignored:
            assert (right - left) * (bottom - top) < 0.4 * 40 * 30
        for left, top, right, bottom in crop.boxes:
            assert (right - left) * (bottom - top) > 0.25 * 40 * 30
        seen.add((len(crop.boxes), len(crop.ignored)))
    assert seen == {(1, 0), (0, 1), (0, 0)}


def test_box_larger_than_the_crop_is_shrunk_to_it():
    large = annotated_image([(10, 10, 190, 110)])
    sizes = [
        (random_crop(large, (SIDE, SIDE), (2.0, 2.0), np.random.default_rng(seed)).boxes)
        for seed in range(20)
    ]
    assert sum(len(boxes) for boxes in sizes) >= 10
    heights = [float(box[3] - box[1]) for boxes in sizes for box in boxes]
    assert abs(np.median(heights) - 100 * 1.4 * SIDE / 180) < 5  # its width becomes 1.4 crops


def test_box_that_is_thin_in_the_crop_is_not_a_vehicle():
    source = annotated_image([(60, 40, 100, 44)])
    for seed in range(30):
        crop = random_crop(source, (SIDE, SIDE), (0.5, 0.5), np.random.default_rng(seed))
        assert len(crop.boxes) == 0
    thicker = annotated_image([(60, 40, 100, 48)])  # about 4 pixels there
    crops = [
        random_crop(thicker, (SIDE, SIDE), (0.5, 0.5), np.random.default_rng(seed))
        for seed in range(30)
    ]
    assert sum(len(crop.boxes) for crop in crops) > 20


def test_shapes_and_positions_of_boxes_vary():
    source = annotated_image([(90, 50, 110, 70)], 400, 400)
    boxes = np.concatenate(
        [
            random_crop(source, (SIDE, SIDE), (1.0, 1.0), np.random.default_rng(seed)).boxes
            for seed in range(100)
        ]
    )
    whole = boxes[(boxes > 0).all(axis=1) & (boxes < SIDE).all(axis=1)]
    sides = whole[:, 2:] - whole[:, :2]
    shapes = sides[:, 0] / sides[:, 1]
    assert 0.05 < np.log(shapes).std() < 0.2
    centers = (whole[:, :2] + whole[:, 2:]) / 2
    assert (np.ptp(centers, axis=0) > SIDE / 2).all()


def test_ignored_regions_follow_the_pixels():
    source = annotated_image([(60, 40, 100, 70)], ignored=[(60, 40, 100, 70)])
    seen = 0
    for seed in range(30):
        crop = random_crop(source, (SIDE, SIDE), (0.5, 1.5), np.random.default_rng(seed))
        for box in crop.boxes:
            np.testing.assert_array_equal(crop.ignored, [box])
            seen += 1
    assert seen > 10


def test_scales_cover_their_whole_range():
    source = annotated_image([(98, 58, 102, 62)])
    heights = [
        float(box[3] - box[1]) / 4
        for seed in range(100)
        for box in random_crop(source, (SIDE, SIDE), (1.0, 4.0), np.random.default_rng(seed)).boxes
        if 0 < box.min() < box.max() < SIDE
    ]
    assert min(heights) < 1.5
    assert max(heights) > 3


def test_flipping_mirrors_pixels_and_boxes():
    source = annotated_image([(60, 40, 100, 70)])
    plain, mirrored = (
        random_crop(source, (SIDE, SIDE), (1.0, 1.0), np.random.default_rng(1), flip=flip)
        for flip in (0.0, 1.0)
    )
    assert np.array_equal(plain.image[:, ::-1], mirrored.image)
    assert np.allclose(plain.boxes[:, 0], SIDE - mirrored.boxes[:, 2])


def test_mosaic_holds_four_crops_with_their_boxes():
    sizes, corner = [(40, 24), (24, 24), (40, 40), (24, 40)], (40, 24)
    parts = []
    for number, (width, height) in enumerate(sizes):
        part = annotated_image([(4, 6, 20, 18)], width, height, ignored=[(0, 0, 2, 2)])
        mask = None if number == 0 else part.mask
        parts.append(replace(part, classes=part.classes + 3 - number, mask=mask))
    whole = mosaic(parts, corner, SIDE)
    assert whole.boxes.tolist() == [
        [4, 6, 20, 18],
        [44, 6, 60, 18],
        [4, 30, 20, 42],
        [44, 30, 60, 42],
    ]
    assert whole.ignored[:, :2].tolist() == [[0, 0], [40, 0], [0, 24], [40, 24]]
    assert (whole.ignored[:, 2:] == whole.ignored[:, :2] + 2).all()
    assert whole.classes.tolist() == [3, 2, 1, 0]
    assert np.array_equal(whole.mask > 0, whole.image[..., 0] > 0)
    assert np.array_equal(whole.mask, replace(whole, mask=None).known_mask())


def test_colours_change_only_at_a_positive_strength():
    image = np.full((SIDE, SIDE, 3), 100, np.uint8)
    still = recolor(image, AugmentationConfig(colour=0, quality=0), np.random.default_rng(0))
    assert np.array_equal(still, image)
    changed = recolor(image, AugmentationConfig(), np.random.default_rng(0))
    assert not np.array_equal(changed, image)


def test_colour_changes_are_per_pixel_and_quality_keeps_mean_colours():
    image = np.zeros((SIDE, SIDE, 3), np.uint8)
    image[:, : SIDE // 2], image[:, SIDE // 2 :] = (40, 90, 160), (90, 110, 70)
    coloured, spoilt = (
        [recolor(image, config, np.random.default_rng(seed)) for seed in range(30)]
        for config in (AugmentationConfig(quality=0), AugmentationConfig(colour=0))
    )
    assert all(len(np.unique(each.reshape(-1, 3), axis=0)) == 2 for each in coloured)
    assert np.ptp([each.mean() for each in coloured]) > 30
    assert all(np.abs((each - image.astype(int)).mean(axis=(0, 1))).max() < 3 for each in spoilt)
    changed = [not np.array_equal(each, image) for each in spoilt]
    assert any(changed)
    assert not all(changed)
