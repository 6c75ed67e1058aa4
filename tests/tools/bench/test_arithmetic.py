import pytest
import torch

from stages.detector.shipped import find_weights
from stages.detector.weights_file import load_network
from tools.bench.arithmetic import gflop_per_frame, matrix_teraflops


def test_a_frame_of_twice_the_area_takes_twice_the_arithmetic():
    network = load_network(find_weights())
    small, large = (gflop_per_frame(network, 128, width, 1.0) for width in (256, 512))
    assert small > 0.5
    assert large / small == pytest.approx(2, rel=0.1)


def test_a_matrix_product_reaches_something():
    assert matrix_teraflops(torch.device("cpu"), torch.float32) > 1e-3
