from dataclasses import replace

import numpy as np
import torch

from tools.training.crops import AnnotatedImage
from tools.training.losses import focal_loss, giou_loss, segmentation_loss, spotnet_loss
from tools.training.targets import build_targets

SIDE = 64


def crop(*boxes, classes=None, ignored=(), mask=None):
    return AnnotatedImage(
        np.zeros((SIDE, SIDE, 3), np.uint8),
        np.array(boxes, np.float32).reshape(-1, 4),
        np.zeros(len(boxes), np.int64) if classes is None else np.array(classes),
        np.array(ignored, np.float32).reshape(-1, 4),
        mask,
    )


BOX = crop((10, 20, 30, 52))  # 5 × 8 cells around the corner of cell (5, 9)
EMPTY = crop()


def test_box_has_its_center_and_mask():
    targets = build_targets([BOX])
    assert targets.heatmap[0, 0, 9, 5] == 1
    assert (targets.heatmap == 1).sum() == 1
    across, down = targets.heatmap[0, 0, 9, 6], targets.heatmap[0, 0, 10, 5]
    assert abs(across - np.exp(-(1**2) / 2 / (3 / 6) ** 2)) < 1e-6
    assert abs(down - np.exp(-(1**2) / 2 / (5 / 6) ** 2)) < 1e-6  # taller, like the box
    assert targets.mask[0, 0].nonzero().min(0).values.tolist() == [5, 2]
    assert targets.mask[0, 0].nonzero().max(0).values.tolist() == [12, 7]


def test_cells_around_the_center_learn_the_same_box():
    targets = build_targets([EMPTY, BOX])
    image, y, x = targets.rows.unbind(1)
    assert set(image.tolist()) == {1}
    assert set(y.tolist()) == {7, 8, 9, 10, 11}
    assert set(x.tolist()) == {4, 5, 6}
    assert torch.allclose(x + targets.offsets[:, 0], torch.full((15,), 5.0))
    assert torch.allclose(y + targets.offsets[:, 1], torch.full((15,), 9.0))
    assert torch.equal(targets.sizes, torch.tensor([[5.0, 8.0]]).expand(15, 2))
    assert abs(targets.weights.sum() - 1) < 1e-6
    assert targets.weights.argmax() == targets.rows.tolist().index([1, 9, 5])


def test_the_smaller_of_two_boxes_keeps_its_cells():
    targets = build_targets([crop((0, 0, 64, 64), (26, 26, 38, 38))])
    at_center = targets.rows.tolist().index([0, 8, 8])
    assert targets.sizes[at_center].tolist() == [3.0, 3.0]
    assert abs(targets.weights.sum() - 2) < 1e-6


def test_boxes_share_a_heatmap_and_large_ones_are_learnt_centrally():
    two = crop((0, 0, 128, 80), (4, 100, 20, 116))
    targets = build_targets([replace(two, image=np.zeros((128, 128, 3), np.uint8))])
    assert targets.heatmap[0, 0].eq(1).nonzero().tolist() == [[10, 16], [27, 3]]
    assert targets.heatmap[0, 0, 10, 21] > 0.1
    of_large = targets.rows[targets.sizes[:, 0] == 32]
    assert of_large[:, 1].unique().tolist() == list(range(6, 15))
    assert of_large[:, 2].unique().tolist() == list(range(12, 21))


def test_perfect_maps_cost_nothing_and_wrong_ones_do():
    mask = np.zeros((SIDE, SIDE), np.uint8)
    mask[20:52, 8:32] = 255  # whole cells
    targets = build_targets([crop((10, 20, 30, 52), mask=mask)])
    hit = torch.where(targets.heatmap == 1, 12.0, -12.0)
    output = {
        "hm": hit,
        "wh": torch.tensor([5.0, 8.0]).view(1, 2, 1, 1).expand(1, 2, 16, 16).clone(),
        "reg": torch.zeros(1, 2, 16, 16),
        "seg": torch.where(targets.mask == 1, 20.0, -20.0),
    }
    _, y, x = targets.rows.unbind(1)
    output["reg"][0, :, y, x] = targets.offsets.T
    assert spotnet_loss([output], targets)["total"] < 1e-3
    assert focal_loss(-hit, targets.heatmap, targets.counted) > 10
    output["wh"] += 1
    terms = spotnet_loss([output], targets)
    assert abs(terms["wh"] - 2) < 1e-5
    assert abs(terms["iou"] - (1 - 40 / 54)) < 1e-5
    assert abs(terms["total"] - (0.2 + 2 * terms["iou"])) < 1e-3


def test_focal_loss_equals_a_manual_calculation():
    """Uses a centre at probability 1/4 and a cell with heatmap value 1/2 at probability 3/4."""
    logits = torch.logit(torch.tensor([[[[1 / 4, 3 / 4]]]]))
    heatmap = torch.tensor([[[[1.0, 1 / 2]]]])
    expected = -np.log(1 / 4) * (3 / 4) ** 2 - np.log(1 / 4) * (3 / 4) ** 2 * (1 / 2) ** 4
    assert abs(focal_loss(logits, heatmap, torch.ones(1)) - expected) < 1e-5
    logits, heatmap = (torch.cat((each, each), dim=3) for each in (logits, heatmap))
    assert abs(focal_loss(logits, heatmap, torch.ones(1)) - expected) < 1e-5  # per centre


def test_losses_are_averaged_over_stacks():
    targets = build_targets([BOX])
    output = {"hm": torch.zeros(1, 1, 16, 16), "seg": torch.zeros(1, 1, 16, 16)}
    output |= {name: torch.ones(1, 2, 16, 16) for name in ("wh", "reg")}
    one, two = (spotnet_loss([output] * count, targets) for count in (1, 2))
    assert all(one[name] > 0 and abs(one[name] - two[name]) < 1e-5 for name in one)


def test_distant_boxes_cost_more_than_touching_ones():
    targets = build_targets([crop((8, 8, 12, 12))])
    sizes = targets.sizes

    def at(shift):
        return giou_loss(sizes, targets.offsets + shift, sizes, targets.offsets).item()

    assert abs(at(0.0)) < 1e-6
    assert abs(at(0.5) - (1 - 0.25 / 1.75 + (2.25 - 1.75) / 2.25)) < 1e-6
    assert 0 < at(0.25) < 1 <= at(1.0) < at(3.0) < 2


def test_negative_sides_cost_as_much_as_tiny_ones():
    targets = build_targets([crop((8, 8, 12, 12))])
    true = targets.sizes, targets.offsets
    tiny, negative, mixed = (
        giou_loss(torch.tensor([sides]), targets.offsets, *true).item()
        for sides in ([0.1, 0.1], [-3.0, -3.0], [0.1, -3.0])
    )
    assert tiny == negative == mixed
    assert tiny < 1


def test_an_image_without_boxes_is_all_background():
    targets = build_targets([EMPTY])
    output = {name: torch.zeros(1, 2, 16, 16) for name in ("wh", "reg")}
    output["hm"] = torch.full((1, 1, 16, 16), -12.0)
    terms = spotnet_loss([output], targets)
    assert terms["total"] < 1e-3


def test_ignored_regions_cost_nothing_except_at_centers():
    region = (0, 0, 32, 64)
    targets = build_targets([crop((10, 20, 30, 52), ignored=[region])])
    assert targets.counted[0, 0, :, :8].sum() == 1
    assert targets.counted[0, 0, 9, 5] == 1
    part = build_targets([crop(ignored=[(10, 9, 30, 21)])]).counted[0, 0]
    assert part.eq(0).nonzero().aminmax(dim=0).min.tolist() == [2, 2]
    assert part.eq(0).nonzero().aminmax(dim=0).max.tolist() == [5, 7]  # partly covered cells, too
    alarm = torch.full((1, 1, 16, 16), -12.0)
    alarm[0, 0, 2, 3] = 12.0  # in the region
    alarm[0, 0, 9, 5] = 12.0
    assert focal_loss(alarm, targets.heatmap, targets.counted) < 1e-3
    alarm[0, 0, 2, 12] = 12.0  # beside it
    assert focal_loss(alarm, targets.heatmap, targets.counted) > 1
    alarm[0, 0, 9, 5] = -12.0
    assert focal_loss(alarm, targets.heatmap, targets.counted) > 10


def test_segmentation_learns_the_given_mask_outside_ignored_regions():
    mask = np.zeros((SIDE, SIDE), np.uint8)
    mask[20:52, 10:20] = 255
    targets = build_targets([crop((10, 20, 30, 52), ignored=[(40, 0, 64, 64)], mask=mask)])
    assert targets.mask[0, 0, 8, 4] == 1
    assert targets.mask[0, 0, 8, 2] == 0.5
    assert targets.mask[0, 0, 8, 6] == 0
    logits = torch.logit(targets.mask, eps=1e-5)
    logits[..., 10:] = 12.0
    unsure_cells, unsure_loss = 8, np.log(2)  # half vehicle, half not
    assert segmentation_loss(logits, targets) < unsure_cells * unsure_loss / 160 + 1e-3
    assert segmentation_loss(-logits, targets) > 5
    assert abs(segmentation_loss(torch.zeros_like(logits), targets) - np.log(2)) < 1e-6
    enlarged = torch.nn.functional.interpolate(logits, scale_factor=4.0)
    difference = segmentation_loss(enlarged, targets) - segmentation_loss(logits, targets)
    assert abs(difference) < 1e-6


def test_each_class_has_its_own_heatmap():
    targets = build_targets([crop((8, 8, 24, 24), (40, 40, 56, 56), classes=[1, 0])], 2)
    assert targets.heatmap[0, 1, 4, 4] == 1
    assert targets.heatmap[0, 0, 12, 12] == 1
    assert targets.heatmap.eq(1).sum() == 2
