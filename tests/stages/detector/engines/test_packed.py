import copy

import pytest
import torch

from stages.detector.engines import packed as module
from stages.detector.engines.arithmetic import fast_dtype
from stages.detector.engines.graph import DetectionGraph
from stages.detector.engines.packed import PackedWeights, pack_convolutions, packed_graph
from stages.detector.spotnet import SpotNet, channels_last
from tests.stages.detector.networks import PUBLISHED, SMALL, found


def both(network):
    other = copy.deepcopy(network)
    pack_convolutions(other)
    return network, other


@pytest.mark.parametrize("attention", ["sigmoid", "none"])
def test_packed_networks_give_the_same_results(attention):
    torch.manual_seed(0)
    made = SpotNet.compact(**SMALL, attention=attention).eval().fused()
    plain, packed = both(channels_last(made))
    images = torch.randn(2, 3, 64, 128).contiguous(memory_format=torch.channels_last)
    cells = torch.tensor([[0, 5, 300], [1, 2, 511]])
    for one, other in zip(found(plain, images, cells), found(packed, images, cells), strict=True):
        torch.testing.assert_close(other, one, atol=1e-4, rtol=1e-4)


def test_more_input_sizes_than_kept_weights_give_the_same_results():
    torch.manual_seed(0)
    plain, packed = both(channels_last(SpotNet.compact(**SMALL).eval().fused()))
    sides = (64, 128, 192)
    sizes = [*((height, width) for height in sides for width in sides), (64, 64)]
    with torch.inference_mode():
        for height, width in sizes:
            images = torch.randn(1, 3, height, width).contiguous(memory_format=torch.channels_last)
            for one, other in zip(plain.locate(images), packed.locate(images), strict=True):
                torch.testing.assert_close(other, one, atol=1e-4, rtol=1e-4)


@pytest.fixture
def weights():
    """Packed weights of a 1x1 convolution, and the input and threads of each packing."""
    weight, calls = torch.randn(16, 16, 1, 1), []

    def pack(size):
        calls.append((tuple(size), torch.get_num_threads()))
        geometry = [0, 0], [1, 1], [1, 1], 1
        return torch.ops.mkldnn._reorder_convolution_weight(weight, *geometry, size)

    before = torch.get_num_threads()
    yield PackedWeights(pack), calls
    torch.set_num_threads(before)


def test_weights_are_packed_once_for_each_size_and_number_of_threads(weights):
    packed, calls = weights
    small, large = torch.zeros(1, 16, 8, 8), torch.zeros(1, 16, 8, 16)
    for _ in range(2):
        for threads in 2, 1:
            torch.set_num_threads(threads)
            packed(small)
        packed(large)
    assert calls == [((1, 16, 8, 8), 2), ((1, 16, 8, 8), 1), ((1, 16, 8, 16), 1)]


def test_weights_of_the_same_layout_share_memory(weights):
    packed, calls = weights
    images = torch.zeros(1, 16, 8, 8)
    torch.set_num_threads(2)
    first = packed(images)
    torch.set_num_threads(1)
    assert packed(images) is first
    assert len(calls) == 2


def test_two_stacks_and_full_attention_give_the_same_results():
    torch.manual_seed(0)
    plain, packed = both(channels_last(SpotNet(PUBLISHED).eval().fused()))
    images = torch.randn(1, 3, 64, 64)
    with torch.inference_mode():
        for one, other in zip(plain.locate(images), packed.locate(images), strict=True):
            torch.testing.assert_close(other, one, atol=1e-4, rtol=1e-4)


def test_every_convolution_is_packed():
    _, network = both(SpotNet.compact(**SMALL).eval().fused())
    assert is_packed(network)


def graph_of(dtype):
    torch.manual_seed(0)
    return DetectionGraph(channels_last(SpotNet.compact(**SMALL).eval().fused().to(dtype)))


def is_packed(graph):
    return not [m for m in graph.modules() if isinstance(m, torch.nn.Conv2d)]


def test_float32_is_packed():
    graph = graph_of(torch.float32)
    assert is_packed(packed_graph(graph))
    assert not is_packed(graph)


@pytest.mark.skipif(
    fast_dtype(torch.device("cpu")) is not torch.bfloat16, reason="no bfloat16 on this CPU"
)
def test_bfloat16_is_packed():
    assert is_packed(packed_graph(graph_of(torch.bfloat16)))


@pytest.mark.parametrize("error", [RuntimeError, AttributeError])  # as of a PyTorch without oneDNN
def test_a_cpu_that_cannot_pack_keeps_the_plain_graph(monkeypatch, error):
    def refuse(graph):
        raise error("not on this CPU")

    monkeypatch.setattr(module, "pack_convolutions", refuse)
    graph = graph_of(torch.float32)
    assert packed_graph(graph) is graph


def test_a_packed_graph_with_other_scores_is_rejected(monkeypatch, caplog):
    def break_it(graph):
        torch.nn.init.constant_(graph.network.hm[0][1].bias, 3.0)

    monkeypatch.setattr(module, "pack_convolutions", break_it)
    graph = graph_of(torch.float32)
    assert packed_graph(graph) is graph
    assert "different scores" in caplog.text
