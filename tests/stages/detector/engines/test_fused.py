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
        last = graph.network.hm[0][1]
        with torch.no_grad():
            (last[-1] if isinstance(last, nn.Sequential) else last).bias.add_(by)

    return change


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


def test_the_original_graph_is_unchanged():
    graph = graph_of(in_bfloat16)
    before = {name: value.clone() for name, value in graph.state_dict().items()}
    fused_graph(graph, shifted(0.5))
    after = graph.state_dict()
    assert {name: value.dtype for name, value in before.items()} == {
        name: value.dtype for name, value in after.items()
    }
    assert all(torch.equal(before[name], after[name]) for name in before)
