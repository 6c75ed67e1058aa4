import numpy as np

from tools.segmentation.refine import fill_empty, soften, without_specks


def boxes(*rows):
    return np.array(rows, np.float32).reshape(-1, 4)


def test_only_nearly_empty_boxes_are_filled():
    mask = np.zeros((60, 100), np.uint8)
    mask[10:20, 10:20] = 255  # a quarter of the first box
    mask[20:23, 60:80] = 255  # a twentieth of the second
    filled = fill_empty(mask, boxes([10, 10, 30, 30], [50, 10, 90, 40]))
    assert np.array_equal(filled[:, :50], mask[:, :50])
    share = (filled[10:40, 50:90] > 0).mean()
    assert 0.72 < share < 0.85  # an ellipse covers pi / 4
    assert not filled[:, 90:].any()
    assert not filled[10, 50]


def test_unknown_pixels_get_their_part_of_the_ellipse():
    mask = np.zeros((40, 40), np.uint8)
    mask[10:30, 10:18] = 255
    unknown = np.zeros((40, 40), bool)
    unknown[:, 20:] = True
    filled = fill_empty(mask, boxes([10, 10, 30, 30]), unknown)
    assert np.array_equal(filled[:, :20], mask[:, :20])
    assert filled[20, 20:29].all()
    assert not filled[10, 29]
    assert not filled[:, 30:].any()


def test_softening_closes_holes_and_grows_edges_like_the_papers_code():
    mask = np.zeros((80, 80), np.uint8)
    mask[20:60, 20:60] = 255
    mask[36:42, 36:42] = 0
    soft = soften(mask)
    assert set(np.unique(soft)) == {0, 255}
    assert soft[20:60, 20:60].all()
    # A mask blurred with sigma 4 falls to 24 of 255 about 5 pixels outside a straight edge.
    assert soft[40, 15]
    assert not soft[40, 13]


def test_specks_are_removed():
    mask = np.zeros((200, 200), np.uint8)
    mask[10:12, 10:12] = 255
    mask[50:60, 50:60] = 255
    cleaned = without_specks(mask)
    assert not cleaned[:40].any()
    assert cleaned[50:60, 50:60].all()
