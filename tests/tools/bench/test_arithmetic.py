from pathlib import Path

import numpy as np
import pytest
import torch

from stages.detector.shipped import find_weights
from stages.detector.weights_file import load_network
from stages.records import Frame
from tools.bench.arithmetic import gflop_per_frame, gpu_milliseconds, matrix_teraflops
from tools.bench.detect import make_detectors, rendered_frames


def test_doubling_the_frame_area_doubles_the_operations():
    network = load_network(find_weights(Path("nano")))
    small, large = (gflop_per_frame(network, 128, width, 1.0) for width in (256, 512))
    assert small > 0.3
    assert large / small == pytest.approx(2, rel=0.1)


def test_matrix_throughput_is_positive():
    assert matrix_teraflops(torch.device("cpu"), torch.float32) > 1e-3


def test_gpu_time_on_a_cpu_is_none():
    detector = make_detectors(Path("nano"), engines=["torch"])["torch"]
    assert gpu_milliseconds(detector, [Frame.of_image(np.zeros((64, 64, 3), np.uint8))]) is None


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_a_gpu_alone_takes_less_than_a_frame_a_second():
    detector = make_detectors(None, engines=[], device="cuda")["torch"]
    assert 0 < (gpu_milliseconds(detector, rendered_frames(2)) or 0) < 1000
