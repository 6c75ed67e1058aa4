import copy

import pytest
import torch
from torch.nn import functional as F

from stages.detector.engines.cudnn import CudnnConvolution, cudnn_graph
from stages.detector.engines.fused import fuse_convolutions
from stages.detector.engines.graph import DetectionGraph
from stages.detector.spotnet import SpotNet, channels_last, in_bfloat16
from tests.stages.detector.networks import PUBLISHED, SMALL, found


@pytest.fixture
def on_cpu(monkeypatch):
    """cuDNN's two operations, on a CPU."""

    def convolve(x, weight, bias, *shape):
        return F.relu(F.conv2d(x, weight, bias, *shape))

    def add(x, weight, shortcut, alpha, bias, *shape):
        assert alpha == 1
        return F.relu(F.conv2d(x, weight, bias, *shape) + shortcut)

    monkeypatch.setattr(torch, "cudnn_convolution_relu", convolve)
    monkeypatch.setattr(torch, "cudnn_convolution_add_relu", add)


@pytest.mark.parametrize(
    "make",
    [
        lambda: SpotNet.compact(**SMALL),
        lambda: SpotNet.compact(**SMALL, attention="none"),
        lambda: SpotNet(PUBLISHED),
    ],
)
def test_fused_networks_give_the_same_results(make, on_cpu):
    torch.manual_seed(0)
    plain = channels_last(make().eval().fused())
    fused = copy.deepcopy(plain)
    fuse_convolutions(fused, CudnnConvolution)
    images = torch.randn(2, 3, 64, 128).contiguous(memory_format=torch.channels_last)
    cells = torch.tensor([[0, 5, 300], [1, 2, 511]])
    for one, other in zip(found(plain, images, cells), found(fused, images, cells), strict=True):
        torch.testing.assert_close(other, one, atol=1e-4, rtol=1e-4)
    assert not [each for each in fused.modules() if isinstance(each, torch.nn.Conv2d)]


def graph_on(device):
    torch.manual_seed(0)
    network = SpotNet.compact(**SMALL).eval().fused().to(device)
    return DetectionGraph(channels_last(in_bfloat16(network)))


def test_a_device_without_cudnn_keeps_the_plain_graph():
    graph = graph_on("cpu")
    assert cudnn_graph(graph) is graph


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_a_gpu_takes_fused_convolutions():
    graph = graph_on("cuda")
    assert cudnn_graph(graph) is not graph
