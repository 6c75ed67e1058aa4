from dataclasses import replace

import numpy as np
import pytest

from stages.bgr import to_bgr
from stages.detector.input_memory import InputMemory
from stages.detector.preprocessing import input_geometry, network_input
from stages.detector.spotnet.config import preset_config, published_config
from stages.records import PixelFormat
from tests.stages.detector.frames import yuv_frame


@pytest.mark.parametrize("scale", [0.75, 1.0, 1.3])
@pytest.mark.parametrize("config", [preset_config("compact"), published_config()])
def test_reused_memory_gives_the_inputs_of_new_memory(config, scale):
    memory = InputMemory()
    for seed, (height, width) in enumerate([(90, 150), (120, 96), (90, 150)]):
        frames = [yuv_frame(height, width, seed * 10 + n) for n in range(1 + seed)]
        geometry = input_geometry(height, width, config, scale)
        images = [to_bgr(frame.pixels, PixelFormat.YUV420P) for frame in frames]
        expected = network_input(images, geometry).numpy()
        np.testing.assert_array_equal(memory.fill(frames, geometry), expected)


def test_frames_of_one_size_share_memory():
    memory, geometry = InputMemory(), input_geometry(90, 150, preset_config("compact"), 0.75)
    first = memory.fill([yuv_frame(90, 150, 0), yuv_frame(90, 150, 1)], geometry)
    for count in (1, 2):
        later = memory.fill([yuv_frame(90, 150, 2)] * count, geometry)
        assert np.shares_memory(first, later)


def test_sizes_that_share_an_input_size_do_not_share_their_borders():
    memory, config = InputMemory(), preset_config("compact")
    large, small = (input_geometry(side, side, config, 1.0) for side in (64, 40))
    memory.fill([yuv_frame(64, 64, 0)], large)
    assert not memory.fill([yuv_frame(40, 40, 1)], small)[0, 40:].any()


def test_a_frame_without_pixels_is_refused():
    frame = replace(yuv_frame(64, 64, 0), pixels=None)
    with pytest.raises(ValueError, match="s: frame 1 has no pixels"):
        InputMemory().fill([frame], input_geometry(64, 64, preset_config("compact"), 1.0))


def test_memory_is_kept_for_few_sizes():
    memory, config = InputMemory(), preset_config("compact")
    inputs = []
    for height in [*range(32, 52, 2), 32]:
        frame, geometry = yuv_frame(height, 64, height), input_geometry(height, 64, config, 1.0)
        expected = network_input([to_bgr(frame.pixels, PixelFormat.YUV420P)], geometry).numpy()
        inputs.append(memory.fill([frame], geometry))
        np.testing.assert_array_equal(inputs[-1], expected)
    assert len(memory._memory) == 8
    assert not np.shares_memory(inputs[0], inputs[-1])
