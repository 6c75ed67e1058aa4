from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from stages.decoder.scene import Scene
from stages.decoder.scene_source import DEMO_SCENE
from stages.detector.device_computation import DeviceComputation
from stages.detector.engines.graph import DetectionGraph
from stages.detector.engines.recordings import Recordings
from stages.detector.network_detector import NetworkDetector
from stages.detector.shipped import find_weights
from stages.detector.weights_file import load_network
from tests.stages.detector.test_input_memory import yuv_frame


def demo_frame(index):
    image = Scene(DEMO_SCENE).render(index).image
    pixels = cv2.cvtColor(image, cv2.COLOR_BGR2YUV_I420)
    return replace(yuv_frame(*image.shape[:2], 0), pixels=pixels)


def assert_alike(found, expected):
    assert len(expected) == len(found) > 3
    np.testing.assert_allclose(found.boxes, expected.boxes, atol=0.5)
    np.testing.assert_allclose(found.scores, expected.scores, atol=0.01)


@pytest.fixture(scope="module")
def plain():
    return NetworkDetector(engine="torch", device="cpu", min_score=0.3)


@pytest.mark.parametrize("recordings", [None, Recordings(lambda compute: compute)])
def test_boxes_are_those_of_the_cpu(plain, recordings):
    there = NetworkDetector(engine="torch", device="cpu", min_score=0.3)
    there._compute = DeviceComputation(there.engine, recordings)
    for index in (40, 41):
        frame = demo_frame(index)
        [expected], [found] = plain.detect([frame]), there.detect([frame])
        assert_alike(found, expected)


def test_what_is_replayed_is_of_the_same_size_and_place():
    """The size of a batch is a power of two."""
    keys = []

    class Noted(Recordings):
        def run(self, key, compute):
            keys.append(key)
            return compute()

    there = NetworkDetector(engine="torch", device="cpu", scale=0.5)
    there._compute = DeviceComputation(there.engine, Noted(lambda compute: compute))
    one, other = yuv_frame(64, 128, 0), yuv_frame(96, 128, 0)
    for frames in ([one], [one] * 3, [other], [one], [one] * 4):
        assert len(there.detect(frames)) == len(frames)
    assert keys[0] == keys[3]
    assert keys[1] == keys[4]
    assert len(set(keys)) == 3


WAITS = {"lift_fresh", "_local_scalar_dense", "nonzero", "masked_select"}


class Seen(TorchDispatchMode):
    """Names of all operations."""

    def __init__(self):
        super().__init__()
        self.names = set()

    def __torch_dispatch__(self, operation, types, args=(), kwargs=None):
        self.names.add(operation.overloadpacket.__name__)
        return operation(*args, **(kwargs or {}))


@pytest.mark.parametrize("scale", [0.75, 1.0, 1.25])
def test_nothing_that_is_recorded_makes_a_gpu_wait(scale):
    seen = Seen()

    def watched(compute):
        with seen:
            compute()
        return compute

    there = NetworkDetector(engine="torch", device="cpu", scale=scale)
    there.engine.graph = DetectionGraph(load_network(find_weights(None)))
    there._compute = DeviceComputation(there.engine, Recordings(watched))
    there.detect([yuv_frame(64, 128, 0)])
    assert {"conv2d", "topk"} <= seen.names
    assert not seen.names & WAITS


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("count", [1, 3, 8])
def test_a_gpu_finds_what_a_cpu_does(plain, count, caplog):
    there = NetworkDetector(device="cuda", min_score=0.3)
    assert isinstance(there._compute, DeviceComputation)
    frames = [demo_frame(40 + index) for index in range(count)]
    for _ in range(3):  # computed and recorded, then replayed twice
        for found, expected in zip(there.detect(frames), plain.detect(frames), strict=True):
            assert abs(len(found) - len(expected)) <= 1
            sure = found.scores > 0.5
            gaps = np.abs(found.boxes[sure, None] - expected.boxes[None]).max(-1).min(1)
            assert gaps.max() < 3
    assert not caplog.records
