from __future__ import annotations

import numpy as np
import pytest

from stages.sink.labels import LabelLayout

SIZE = np.array([[40, 14]])


def place(layout: LabelLayout, ids: list[int], boxes: list[list[float]]) -> list[tuple[int, int]]:
    return layout.place(ids, np.array(boxes, np.float32), np.repeat(SIZE, len(ids), axis=0))


def test_label_is_above_its_box_if_there_is_room() -> None:
    assert place(LabelLayout(540, 960), [1], [[100, 100, 200, 160]]) == [(100, 86)]


def test_label_is_below_the_box_at_the_top_edge_and_inside_the_frame() -> None:
    layout = LabelLayout(540, 960)
    assert place(layout, [1], [[100, 4, 200, 60]]) == [(100, 60)]
    ((left, top),) = place(layout, [2], [[950, 500, 1000, 560]])
    assert 0 <= left <= 960 - 40
    assert 0 <= top <= 540 - 14


def test_label_avoids_the_vehicle_above() -> None:
    places = place(LabelLayout(540, 960), [1, 2], [[100, 100, 160, 150], [100, 150, 160, 200]])
    assert places == [(100, 86), (100, 200)]


@pytest.mark.parametrize(
    ("others", "place_of_label"),
    [
        ([[100, 60, 130, 100]], (160, 86)),  # above to the right edge
        ([[100, 60, 200, 100]], (100, 160)),
        ([[100, 60, 200, 100], [100, 160, 130, 200]], (160, 160)),  # below to the right edge
    ],
)
def test_a_label_takes_the_first_free_slot(
    others: list[list[float]], place_of_label: tuple[int, int]
) -> None:
    boxes = [[100.0, 100, 200, 160], *others]
    assert place(LabelLayout(540, 960), list(range(len(boxes))), boxes)[0] == place_of_label


def test_labels_do_not_overlap() -> None:
    boxes = [[100.0, 100, 160, 150], [104.0, 100, 164, 150]]
    places = place(LabelLayout(540, 960), [1, 2], boxes)
    rectangles = [(x, y, x + 40, y + 14) for x, y in places]
    a, b = rectangles
    assert a[2] <= b[0] or b[2] <= a[0] or a[3] <= b[1] or b[3] <= a[1]


def test_label_stays_in_place_despite_a_slight_overlap() -> None:
    layout = LabelLayout(540, 960)
    place(layout, [1], [[100, 100, 160, 150]])
    places = place(layout, [1, 2], [[100, 100, 160, 150], [90, 40, 150, 89]])
    assert places[0] == (100, 86)
    fresh = place(LabelLayout(540, 960), [1, 2], [[100, 100, 160, 150], [90, 40, 150, 89]])
    assert fresh[0] != (100, 86)


@pytest.mark.parametrize("meanwhile", [[], [3]])
def test_label_of_a_reappearing_track_is_placed_afresh(meanwhile: list[int]) -> None:
    boxes = [[100.0, 100, 160, 150], [90.0, 40, 150, 89]]
    layout = LabelLayout(540, 960)
    place(layout, [1], boxes[:1])
    elsewhere = np.full((len(meanwhile), 4), [400, 100, 460, 150], np.float32)
    layout.place(meanwhile, elsewhere, np.repeat(SIZE, len(meanwhile), axis=0))
    assert place(layout, [1, 2], boxes) == place(LabelLayout(540, 960), [1, 2], boxes)
