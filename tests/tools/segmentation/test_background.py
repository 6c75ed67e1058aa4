import numpy as np
import pytest

from tests.tools.segmentation.drawn import HEIGHT, WIDTH, draw, ground, iou
from tools.datasets.box_mask import box_mask
from tools.segmentation.background import MedianBackground, make_background, median_background
from tools.segmentation.options import Subtractor
from tools.segmentation.shadows import is_shadow


def covers_of(drawn):
    return [box_mask(boxes, *drawn.images[0].shape[:2]) for boxes in drawn.boxes]


@pytest.mark.parametrize(
    ("subtractor", "minimum"),
    [(Subtractor.MEDIAN, 0.93), (Subtractor.MOG2, 0.9), (Subtractor.KNN, 0.9)],
)
def test_only_the_moving_square_is_found_from_the_first_frame_on(subtractor, minimum):
    drawn = draw(20)
    covers = covers_of(drawn)
    background = make_background(subtractor, drawn.images[::2], covers[::2])
    for image, cover, mask in zip(drawn.images, covers, drawn.masks, strict=True):
        assert iou(background.foreground(image, cover), mask) > minimum


def test_vehicle_that_mostly_waits_stays_foreground_with_boxes():
    driving = draw(10)
    waiting = draw(30, speed=0)
    images = driving.images + [waiting.images[0]] * 30
    covers = covers_of(driving) + [covers_of(waiting)[0]] * 30
    background = MedianBackground(images[::2], covers[::2])
    for _ in range(100):
        found = background.foreground(images[-1], covers[-1])
    assert iou(found, waiting.masks[0]) > 0.93
    without_boxes = MedianBackground(images[::2], None)
    assert iou(without_boxes.foreground(images[-1], None), waiting.masks[0]) < 0.1


def test_moving_square_is_found_without_boxes():
    drawn = draw(24)
    background = MedianBackground(drawn.images[::2], None)
    for image, mask in zip(drawn.images, drawn.masks, strict=True):
        assert iou(background.foreground(image, None), mask) > 0.9


def test_area_always_covered_by_boxes_is_unknown_not_foreground():
    drawn = draw(12, standing=True)
    covers = covers_of(drawn)
    background = MedianBackground(drawn.images, covers)
    always = np.all(covers, axis=0)
    assert always.any()
    assert np.array_equal(background.known, ~always)
    assert not background.foreground(drawn.images[5], covers[5])[always].any()


def test_darkening_by_a_cloud_is_not_foreground():
    drawn = draw(12)
    covers = covers_of(drawn)
    background = MedianBackground(drawn.images, covers)
    darker = (drawn.images[6] * 0.7).astype(np.uint8)
    assert iou(background.foreground(darker, covers[6]), drawn.masks[6]) > 0.9


def test_median_excludes_covered_pixels():
    images = [np.full((4, 4, 3), value, np.uint8) for value in (10, 200, 20, 30)]
    covers = [np.zeros((4, 4), np.uint8) for _ in images]
    covers[1][:] = 255
    for cover in covers:
        cover[0, 0] = 255
    median, known = median_background(images, covers)
    assert (median == 20).all()
    assert not known[0, 0]
    assert known.sum() == 15


def test_shadows_are_darker_and_of_the_same_color():
    background = ground()
    shaded = (background * 0.7).astype(np.uint8)
    assert is_shadow(shaded, background).mean() > 0.97
    assert not is_shadow(background, background).any()
    blue = shaded.copy()
    blue[..., 0] = background[..., 0]
    assert is_shadow(blue, background).mean() < 0.05
    assert not is_shadow((background * 0.2).astype(np.uint8), background).any()


NOTHING = np.zeros((HEIGHT, WIDTH), np.uint8)


def empty_road():
    return MedianBackground([ground()] * 3, [NOTHING] * 3)


def test_newly_uncovered_ground_becomes_background():
    region = np.s_[40:80, 40:90]
    road, parked, cover = ground(), ground(), NOTHING.copy()
    parked[region], cover[region] = (40, 80, 240), 255
    background = MedianBackground([parked] * 3, [cover] * 3)
    background.foreground(road, NOTHING)
    assert background.known.all()
    assert not background.foreground(road, NOTHING).any()
    assert background.foreground(parked, cover)[region].mean() > 0.9 * 255


def test_lasting_change_outside_boxes_becomes_background():
    background, changed = empty_road(), ground()
    changed[40:80, 40:90] += 50
    assert background.foreground(changed, NOTHING)[40:80, 40:90].all()
    for _ in range(100):
        found = background.foreground(changed, NOTHING)
    assert not found.any()


def test_frame_filling_vehicle_is_not_mistaken_for_a_light_change():
    near, cover = ground(), NOTHING.copy()
    near[:, :140], cover[:, :140] = np.minimum(ground()[:, :140] * 1.6, 255), 255
    found = empty_road().foreground(near, cover)
    assert found[:, :130].mean() > 0.9 * 255
    assert not found[:, 150:].any()


def test_overexposed_area_stays_background_under_a_cloud():
    sunny = ground()
    sunny[:40] = 250
    background = MedianBackground([sunny] * 3, [NOTHING] * 3)
    cloudy = (sunny * 0.7).astype(np.uint8)
    cloudy[:40] = 250
    assert not background.foreground(cloudy, NOTHING).any()


def test_camera_noise_is_not_foreground():
    rng, road = np.random.default_rng(3), ground()
    noisy = (road + rng.normal(0, 12, road.shape)).clip(0, 255).astype(np.uint8)
    assert (empty_road().foreground(noisy, NOTHING) > 0).mean() < 0.01


@pytest.mark.parametrize("subtractor", Subtractor)
def test_shadow_on_the_ground_is_not_foreground(subtractor):
    background = make_background(subtractor, [ground()] * 20, [NOTHING] * 20)
    shaded = ground()
    shaded[30:90, 30:120] = shaded[30:90, 30:120] * 0.7
    assert (background.foreground(shaded, NOTHING)[35:85, 35:115] > 0).mean() < 0.1


@pytest.mark.parametrize("subtractor", Subtractor)
def test_a_moving_shadow_is_not_foreground_without_boxes(subtractor):
    rng, images = np.random.default_rng(4), []
    for left in range(-400, WIDTH - 40, 8):  # at last a vehicle passes above its shadow
        image = ground().astype(float)
        passed = slice(max(left, 0), max(left + 40, 0))
        image[30:60, passed] = (40, 60, 220)
        image[60:90, passed] *= 0.65
        images.append((image + rng.normal(0, 1.5, image.shape)).clip(0, 255).astype(np.uint8))
    background = make_background(subtractor, images[::2], None)
    found = [background.foreground(image, None) for image in images][50:]
    vehicle, shadow = (
        np.mean([mask[rows, 8 * index :][:, 4:36] > 0 for index, mask in enumerate(found)])
        for rows in (slice(34, 56), slice(68, 86))
    )
    assert vehicle > 0.8
    assert shadow < 0.02
