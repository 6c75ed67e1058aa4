import pytest
import torch
from torch.nn import functional as F

from stages.detector import peaks
from stages.detector.peaks import detect_peaks, find_peaks, place_boxes
from stages.detector.spotnet import SpotNet, in_bfloat16


def test_a_peak_is_decoded_into_a_box():
    logits = torch.full((1, 1, 8, 12), -6.0)
    logits[0, 0, 3, 5], logits[0, 0, 3, 6] = 4.0, 3.999  # the neighbour is no peak
    scores, classes, cells = find_peaks(logits, top_k=3)
    assert abs(scores[0, 0].item() - torch.sigmoid(torch.tensor(4.0)).item()) < 1e-6
    assert scores[0, 1] < 0.01
    assert cells[0, 0] == 3 * 12 + 5
    assert classes[0, 0] == 0
    sizes, offsets = torch.tensor([[[4.0, 2.0]]]), torch.tensor([[[0.5, 0.25]]])
    assert place_boxes(cells[:, :1], sizes, offsets, 12).tolist() == [[[14.0, 9.0, 30.0, 17.0]]]


def test_a_small_heatmap_has_no_more_peaks_than_cells():
    scores, classes, cells = find_peaks(torch.randn(2, 3, 2, 2), top_k=100)
    assert scores.shape == classes.shape == cells.shape == (2, 12)
    assert set(classes.flatten().tolist()) == {0, 1, 2}


@pytest.mark.filterwarnings("ignore::torch.jit.TracerWarning", "ignore::DeprecationWarning")
@pytest.mark.parametrize(("side", "count"), [(2, 4), (4, 16), (16, 100)])
def test_a_trace_of_a_small_heatmap_takes_other_sizes(side, count):
    traced = torch.jit.trace(lambda logits: find_peaks(logits, 100), torch.randn(1, 1, 4, 4))
    logits = torch.randn(1, 1, side, side)
    for found, expected in zip(traced(logits), find_peaks(logits, 100), strict=True):
        assert found.shape == (1, count)
        torch.testing.assert_close(found, expected)


SMALL = {"dims": (8, 16), "modules": (1, 1), "size_multiple": 8, "feature_channels": 8}


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"attention": "none"},
        {"attention_scope": "all"},
        {"stacks": 2},
        {"num_classes": 2, "class_names": ("car", "bus")},
    ],
    ids=str,
)
def test_heads_at_peaks_match_dense_heads(changes):
    torch.manual_seed(3)
    names = changes.pop("class_names", ("vehicle",))
    changes.pop("num_classes", None)
    network = SpotNet.compact(names, **(SMALL | changes)).eval()
    images = torch.randn(2, 3, 48, 64)
    with torch.inference_mode():
        found = detect_peaks(network, images, top_k=150)  # many lie at the edge
        dense = network(images)[-1]
        scores, classes, cells = find_peaks(dense["hm"], 150)
        sizes, offsets = (
            dense[name].flatten(2).gather(2, cells[:, None].expand(-1, 2, -1)).transpose(1, 2)
            for name in ("wh", "reg")
        )
    torch.testing.assert_close(found[1], scores)
    assert torch.equal(found[2], classes)
    torch.testing.assert_close(found[0], place_boxes(cells, sizes, offsets, 16))


def test_box_coordinates_are_finer_than_bfloat16():
    network = in_bfloat16(SpotNet.compact(**SMALL).eval())
    with torch.inference_mode():
        boxes, scores, _ = detect_peaks(network, torch.randn(1, 3, 48, 512).bfloat16())
    assert boxes.dtype == scores.dtype == torch.float32
    assert (boxes != boxes.bfloat16()).float().mean() > 0.5


def test_neighborhood_maxima_match_max_pooling():
    generator = torch.Generator().manual_seed(0)
    heatmap = torch.rand(2, 3, 17, 29, generator=generator).mul_(8).ceil_()  # many equal cells
    expected = F.max_pool2d(heatmap, 3, stride=1, padding=1)
    assert torch.equal(peaks._largest_around(heatmap), expected)
