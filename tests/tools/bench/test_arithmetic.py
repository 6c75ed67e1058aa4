import pytest
import torch

from stages.detector.network_detector import NetworkDetector
from tools.bench.arithmetic import gflop_per_frame, matrix_teraflops


def test_a_frame_of_twice_the_area_takes_twice_the_arithmetic():
    detector = NetworkDetector(engine="torch", device="cpu", scale=1.0)
    small, large = (gflop_per_frame(detector, 128, width) for width in (256, 512))
    assert large / small == pytest.approx(2, rel=0.1)


def test_a_matrix_product_reaches_something():
    assert matrix_teraflops(torch.device("cpu"), torch.float32) > 1e-3
