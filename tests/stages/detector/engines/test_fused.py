import pytest
import torch
from torch import nn

from stages.detector.engines.fused import fused_graph
from stages.detector.engines.graph import DetectionGraph
from stages.detector.spotnet import SpotNet, in_bfloat16
from tests.stages.detector.networks import SMALL


def graph_of(make=lambda network: network):
    torch.manual_seed(0)
    return DetectionGraph(make(SpotNet.compact(**SMALL).eval().fused()))


def shifted(by):
    """Returns a change that adds ``by`` to the logits of the centres."""

    def change(graph):
        with torch.no_grad():
            last_of(graph).bias.add_(by)

    return change


def last_of(graph):
    """Returns the convolution that gives the logits of the centres."""
    last = graph.network.hm[0][1]
    return last[-1] if isinstance(last, nn.Sequential) else last


@pytest.mark.parametrize("make", [lambda network: network, in_bfloat16])
def test_score_differences_within_rounding_are_accepted(make):
    graph = graph_of(make)
    found = fused_graph(graph, shifted(0.02))  # a score of 0.1 becomes 0.102
    assert found is not graph


@pytest.mark.parametrize("make", [lambda network: network, in_bfloat16])
def test_larger_score_differences_are_rejected(make, caplog):
    graph = graph_of(make)
    assert fused_graph(graph, shifted(0.5)) is graph
    assert "different scores on cpu" in caplog.text


def test_scores_of_equal_cells_that_rounding_separates_are_accepted():
    graph = graph_of()
    weight = last_of(graph).weight
    slight = weight.detach() * 1e-3
    nn.init.zeros_(weight)  # all cells are peaks

    def separate(copied):
        with torch.no_grad():
            last_of(copied).weight.copy_(slight)

    fused = fused_graph(graph, separate)
    assert fused is not graph
    images = torch.randint(0, 256, (1, 64, 64, 3), dtype=torch.uint8)
    with torch.inference_mode():
        scores = [each(images)[1].min() for each in (graph, fused)]
        heatmaps = [each.heatmap(images) for each in (graph, fused)]
    assert scores[0] - scores[1] > 0.05  # fewer peaks than boxes requested
    torch.testing.assert_close(*heatmaps, atol=1e-3, rtol=0)


@pytest.mark.parametrize("head", ["hm", "wh"])
def test_a_head_that_cannot_run_fused_keeps_the_plain_graph(head):
    def refuse(*_):
        raise RuntimeError("no such convolution here")

    def fuse(copied):
        getattr(copied.network, head)[0].register_forward_hook(refuse)

    graph = graph_of()
    assert fused_graph(graph, fuse) is graph


def test_the_original_graph_is_unchanged():
    graph = graph_of(in_bfloat16)
    before = {name: value.clone() for name, value in graph.state_dict().items()}
    fused_graph(graph, shifted(0.5))
    after = graph.state_dict()
    assert {name: value.dtype for name, value in before.items()} == {
        name: value.dtype for name, value in after.items()
    }
    assert all(torch.equal(before[name], after[name]) for name in before)
