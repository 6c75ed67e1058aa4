import functools
import weakref
from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch

from stages.decoder.scene_source import DEMO_SCENE
from stages.detector.device_computation import DeviceComputation
from stages.detector.device_input import DeviceInput
from stages.detector.engines import arithmetic
from stages.detector.engines.recordings import Recordings
from stages.detector.engines.torch_engine import TorchEngine
from stages.detector.network_detector import NetworkDetector
from stages.detector.preprocessing import input_geometry
from stages.detector.spotnet import SpotNet, save_checkpoint
from stages.detector.spotnet.config import preset_config
from stages.errors import SpotStreamError
from stages.records import FrameHeader, PixelFormat
from stages.scene import Scene
from tests.stages.detector.frames import yuv_frame
from tests.stages.detector.meta import META, OnMetaAlone
from tests.stages.detector.networks import PUBLISHED

QUARTER = np.s_[:272, 480:]


@functools.cache
def demo_scene():
    return Scene(DEMO_SCENE)


def demo_frame(index, part=np.s_[:]):
    image = demo_scene().render(index).image[part]
    pixels = cv2.cvtColor(image, cv2.COLOR_BGR2YUV_I420)
    return replace(yuv_frame(*image.shape[:2], 0), pixels=pixels)


def assert_alike(found, expected):
    """Boxes whose scores are nearly equal may be in another order."""
    assert len(expected) == len(found) > 3
    apart = np.abs(found.boxes[:, None] - expected.boxes).max(axis=-1)
    nearest = apart.argmin(axis=0)
    assert len(set(nearest)) == len(nearest)
    assert apart.min(axis=0).max() < 0.5
    np.testing.assert_allclose(found.scores[nearest], expected.scores, atol=0.01)


@pytest.fixture(scope="module")
def plain():
    """In float32 throughout: with scores in bfloat16, the order of boxes may differ."""
    return NetworkDetector(engine="torch", precision="float32", device="cpu", min_score=0.3)


def test_boxes_equal_those_of_the_cpu(plain, monkeypatch):
    """For frames computed directly, and for those replayed by a recording."""
    frames = [demo_frame(index, QUARTER) for index in (40, 41)]
    expected = [plain.detect([frame])[0] for frame in frames]
    for recordings in (None, Recordings(lambda compute: compute)):
        monkeypatch.setattr(plain, "_compute", DeviceComputation(plain.engine, recordings))
        for frame, right in zip(frames, expected, strict=True):
            [found] = plain.detect([frame])
            assert_alike(found, right)


def test_recordings_are_reused_for_equal_geometry_and_batch_size():
    """Batch sizes are rounded up to a power of two."""
    keys = []

    class Noted(Recordings):
        def run(self, key, compute):
            keys.append(key)
            return compute()

    on_device = NetworkDetector(engine="torch", device="cpu", threads=1, scale=0.5)
    on_device._compute = DeviceComputation(on_device.engine, Noted(lambda compute: compute))
    one, other = yuv_frame(64, 128, 0), yuv_frame(96, 128, 0)
    for frames in ([one], [one] * 3, [other], [one], [one] * 4):
        assert len(on_device.detect(frames)) == len(frames)
    assert keys[0] == keys[3]
    assert keys[1] == keys[4]
    assert len(set(keys)) == 3


def test_frames_of_a_batch_keep_their_own_colours():
    """Frames of one size are copied to one buffer, whatever the matrix of their colours."""
    on_device = NetworkDetector(engine="torch", device="cpu", threads=1)
    on_device._compute = DeviceComputation(on_device.engine, None)
    one = demo_frame(40, QUARTER)
    frames = [
        replace(one, header=replace(one.header, pixel_format=each))
        for each in (PixelFormat.YUV420P, PixelFormat.YUV420P_BT2020, PixelFormat.YUV420P)
    ]
    together = on_device.detect(frames)
    for frame, found in zip(frames, together, strict=True):
        [alone] = on_device.detect([frame])
        assert found.frame is frame.header
        np.testing.assert_allclose(found.scores, alone.scores, atol=1e-5)
    assert np.abs(together[1].scores[:3] - together[0].scores[:3]).max() > 1e-4


class SmallMemory(torch.nn.Module):
    """A network on a device whose memory holds at most ``room`` images."""

    def __init__(self, graph, room):
        super().__init__()
        self.graph, self.room = graph, room
        self.sizes, self.failed = [], []

    def forward(self, images):
        assert all(tensor() is None for tensor in self.failed), "they would still take memory"
        self.sizes.append(len(images))
        if len(images) > self.room:
            self.failed.append(weakref.ref(images))
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
        return self.graph(images)


def in_small_memory(room, recordings=None):
    on_device = NetworkDetector(engine="torch", device="cpu", threads=1, scale=0.5, min_score=0.0)
    on_device.engine.graph = SmallMemory(on_device.engine.graph, room)
    on_device._compute = DeviceComputation(on_device.engine, recordings)
    return on_device


def test_fewer_frames_are_computed_at_once_if_the_memory_is_full(caplog):
    on_device = in_small_memory(room=2)
    frames = [yuv_frame(64, 128, seed) for seed in range(5)]
    for found, frame in zip(on_device.detect(frames), frames, strict=True):
        [alone] = on_device.detect([frame])
        assert found.frame is frame.header
        np.testing.assert_allclose(found.scores, alone.scores, atol=1e-5)
    assert on_device.engine.graph.sizes == [5, 3, 2, 2, 1] + [1] * 5
    on_device.detect([yuv_frame(96, 128, 0)] * 2 + frames)  # other sizes are tried on their own
    assert on_device.engine.graph.sizes[10:] == [2, 2, 2, 1]
    assert caplog.messages == [
        f"the memory of cpu is full with {count} frames of 128x64: at most {half} are computed "
        f"at once"
        for count, half in ((5, 3), (3, 2))
    ]


def test_recordings_are_dropped_to_make_room_and_recorded_again():
    recorded = []

    def record(compute):
        recorded.append(compute)
        return compute

    on_device = in_small_memory(2, Recordings(record))
    frames = [yuv_frame(64, 128, seed) for seed in range(4)]
    for batch in (frames[:1], frames, frames, frames[:1]):
        assert len(on_device.detect(batch)) == len(batch)
    assert len(recorded) == 3


def test_a_frame_that_fills_the_memory_is_reported_in_one_line(caplog):
    on_device = in_small_memory(0, Recordings(lambda compute: compute))
    message = (
        "the memory of cpu is full with one frame of 128x64, searched at 64x32: "
        "take smaller frames, a lower detector.scale or smaller weights"
    )
    for _ in range(2):
        with pytest.raises(SpotStreamError) as error:
            on_device.detect([yuv_frame(64, 128, 0)])
        assert str(error.value) == message
    assert on_device.engine.graph.sizes == [1, 1, 1]
    assert caplog.messages == ["the memory of cpu is full: no CUDA graphs are used any more"]


@pytest.mark.parametrize(
    ("config", "scale", "dtype"),
    [
        (preset_config("compact", dims=(8, 8), modules=(1, 1)), 0.75, torch.bfloat16),
        (preset_config("compact", dims=(8, 8), modules=(1, 1)), 1.25, torch.float32),
        (PUBLISHED, 1.0, torch.bfloat16),
    ],
)
def test_nothing_that_is_recorded_makes_a_gpu_wait(config, scale, dtype, tmp_path, monkeypatch):
    monkeypatch.setattr(arithmetic, "fast_dtype", lambda device: dtype)
    save_checkpoint(SpotNet(config), tmp_path / "a.safetensors")
    engine, on_device = TorchEngine(tmp_path / "a.safetensors", META), DeviceInput(META)
    geometry = input_geometry(96, 128, config, scale)
    for pixel_format in PixelFormat:
        header = FrameHeader.of_image(96, 128, "s", 0, pixel_format=pixel_format)
        pixels = torch.empty((3, *header.shape), dtype=torch.uint8, device=META)
        with torch.inference_mode():
            on_device.convert(pixels, header, geometry)  # allocates what is kept
            with OnMetaAlone():
                found = engine.values(on_device.convert(pixels, header, geometry))
        assert (found.dtype, found.shape) == (torch.float32, (3, 100, 6))


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("count", [1, 3, 8])
def test_a_gpu_finds_what_a_cpu_finds(plain, count, caplog):
    on_device = NetworkDetector(device="cuda", min_score=0.3)
    assert isinstance(on_device._compute, DeviceComputation)
    frames = [demo_frame(40 + index) for index in range(count)]
    for _ in range(3):  # computed and recorded, then replayed twice
        for found, expected in zip(on_device.detect(frames), plain.detect(frames), strict=True):
            assert abs(len(found) - len(expected)) <= 1
            sure = found.scores > 0.5
            gaps = np.abs(found.boxes[sure, None] - expected.boxes[None]).max(-1).min(1)
            assert gaps.max() < 3
    assert not caplog.records
