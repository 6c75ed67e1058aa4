from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from stages.errors import ConfigError
from tests.tools.datasets.conftest import make_sample, write_image
from tools.datasets.contact_sheet import (
    BACKGROUND,
    CAPTION,
    CLASS_COLORS,
    GAP,
    HATCHING,
    LEGEND,
    MASK_TINT,
    contact_sheet,
)

Pixels = np.ndarray


def tile(sheet: Pixels, column: int = 0) -> Pixels:
    """Returns a tile of the last row, 96 × 54 pixels."""
    left, bottom = GAP + column * (96 + GAP), len(sheet) - GAP - CAPTION
    return sheet[bottom - 54 : bottom, left : left + 96]


def near(pixels: Pixels, color: tuple[int, int, int]) -> Pixels:
    return (np.abs(pixels.astype(int) - color) < 60).all(axis=-1)


@pytest.fixture
def image(tmp_path: Path) -> Path:
    return write_image(tmp_path / "a.png")


def test_the_shape_of_the_sheet(image: Path) -> None:
    sheet = contact_sheet([make_sample(image)] * 5, columns=3, tile_width=96)
    assert sheet.shape == (LEGEND + 2 * (54 + CAPTION + GAP), 3 * (96 + GAP) + GAP, 3)
    assert (tile(sheet, 1) == cv2.imread(str(image))).all()
    assert (tile(sheet, 2) == BACKGROUND).all()


def test_boxes_have_their_class_color_and_are_dashed_if_hidden(image: Path) -> None:
    drawn = make_sample(image, (10, 10, 40, 40), (50, 10, 80, 40), labels=("car", "bus"))
    shown = tile(contact_sheet([drawn], tile_width=96))
    bus, car = CLASS_COLORS[:2]
    assert near(shown[15:35, 10], car).all()
    assert near(shown[15:35, 50], bus).all()
    assert not near(shown, car)[15:35, 15:35].any()
    dashed = replace(drawn, hidden=np.array([0.9, 0.5], np.float32))
    shown = tile(contact_sheet([dashed], tile_width=96))
    assert 5 < near(shown[12:38, 10], car).sum() < 22
    assert near(shown[15:35, 50], bus).all()


def test_ignored_regions_are_hatched(image: Path) -> None:
    drawn = replace(make_sample(image), ignored=np.array([[0, 0, 48, 54]], np.float32))
    shown, plain = tile(contact_sheet([drawn], tile_width=96)), cv2.imread(str(image))
    assert plain is not None
    hatched = near(shown[2:-2, 2:46], HATCHING)
    assert 0.05 < hatched.mean() < 0.3
    assert (shown[2:-2, 2:46][~hatched] <= plain[2:-2, 2:46][~hatched]).all()
    assert (shown[:, 50:] == plain[:, 50:]).all()
    half = contact_sheet([drawn], tile_width=48)[-GAP - CAPTION - 27 : -GAP - CAPTION, GAP:-GAP]
    assert near(half[2:-2, 2:22], HATCHING).any()
    assert not near(half[:, 26:], HATCHING).any()


def test_mask_is_drawn_as_a_tint(image: Path, tmp_path: Path) -> None:
    mask = np.zeros((54, 96), np.uint8)
    mask[10:40, 20:60] = 255
    cv2.imwrite(str(tmp_path / "mask.png"), mask)
    drawn = replace(make_sample(image), mask=tmp_path / "mask.png")
    shown, plain = tile(contact_sheet([drawn], tile_width=96)), cv2.imread(str(image))
    assert plain is not None
    inside, outside = np.s_[15:35, 25:55], np.s_[45:, :]
    expected = plain[inside] + 0.4 * (np.array(MASK_TINT) - plain[inside])
    assert np.abs(shown[inside] - expected).max() <= 1
    assert (shown[outside] == plain[outside]).all()


def test_unusable_image_or_mask_is_marked_in_its_tile(image: Path, tmp_path: Path) -> None:
    there = contact_sheet([make_sample(image)], tile_width=96)
    cv2.imwrite(str(tmp_path / "small.png"), np.zeros((27, 48), np.uint8))
    for broken in (
        make_sample(tmp_path / "gone.png"),
        replace(make_sample(image), width=95),
        replace(make_sample(image), mask=tmp_path / "gone.png"),
        replace(make_sample(image), mask=tmp_path / "small.png"),
    ):
        sheet = contact_sheet([broken, make_sample(image)], tile_width=96)
        assert (tile(sheet) != tile(there)).any()
        assert (tile(sheet, 1) == tile(there)).all()


def test_images_of_another_shape_are_not_stretched(image: Path, tmp_path: Path) -> None:
    tall = write_image(tmp_path / "tall.png", 30, 60)
    samples = [make_sample(image), replace(make_sample(tall), width=30, height=60)]
    sheet = contact_sheet(samples, tile_width=96)
    assert sheet.shape[0] == LEGEND + 96 + CAPTION + GAP
    right = sheet[LEGEND : LEGEND + 96, GAP + 96 + GAP : -GAP]
    assert (right.max(axis=(0, 2)) > 30).sum() == 48


def test_empty_sheet_is_rejected() -> None:
    with pytest.raises(ConfigError, match="needs samples, got none"):
        contact_sheet([])


@pytest.mark.parametrize("small_first", [True, False])
def test_small_boxes_lie_over_large_ones(image: Path, small_first: bool) -> None:
    boxes = {"car": (10, 10, 90, 50), "bus": (10, 20, 40, 40)}
    labels = tuple(boxes)[:: -1 if small_first else 1]
    drawn = make_sample(image, *(boxes[label] for label in labels), labels=labels)
    assert near(tile(contact_sheet([drawn], tile_width=96))[25:35, 10], CLASS_COLORS[0]).all()


def test_legend_takes_as_many_lines_as_it_needs(image: Path) -> None:
    labels = tuple(f"class {number}" for number in range(4))
    drawn = make_sample(image, *[(10, 10, 40, 40)] * 4, labels=labels)
    sheet = contact_sheet([drawn], tile_width=96)
    assert len(sheet) == 4 * LEGEND + 54 + CAPTION + GAP
    assert [near(sheet[15 + line * LEGEND, GAP + 5], CLASS_COLORS[line]) for line in range(4)] == [
        True
    ] * 4
