from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch

from stages.detector.device_input import DeviceInput, area_matrix, yuv_to_bgr
from stages.detector.input_memory import InputMemory
from stages.detector.preprocessing import input_geometry
from stages.detector.spotnet.config import preset_config, published_config
from stages.records import Frame, PixelFormat
from tests.stages.detector.frames import yuv_frame

CPU = torch.device("cpu")


def bgr_frame(height, width, seed):
    frame = yuv_frame(height, width, seed)
    header = replace(frame.header, pixel_format=PixelFormat.BGR24)
    return Frame(header, cv2.cvtColor(frame.pixels, cv2.COLOR_YUV2BGR_I420))


def bt709_frame(height, width, seed):
    frame = yuv_frame(height, width, seed)
    return replace(frame, header=replace(frame.header, pixel_format=PixelFormat.YUV420P_BT709))


def filled(device_input, frames, geometry):
    return device_input.convert(device_input.upload(frames), frames[0].header, geometry)


def test_colors_match_opencv():
    noise = np.random.default_rng(0).integers(0, 256, (96, 64), np.uint8)
    expected = cv2.cvtColor(noise, cv2.COLOR_YUV2BGR_I420).astype(int)
    found = yuv_to_bgr(torch.from_numpy(noise)[None], PixelFormat.YUV420P)[0]
    assert np.abs(found.permute(1, 2, 0).numpy() - expected).max() <= 1


@pytest.mark.parametrize(("before", "after"), [(960, 720), (7, 3), (540, 405), (9, 3), (5, 4)])
def test_area_shrinking_matches_opencv(before, after):
    line = np.random.default_rng(0).random((1, before), np.float32)
    found = (area_matrix(before, after) @ torch.from_numpy(line[0])).numpy()
    expected = cv2.resize(line, (after, 1), interpolation=cv2.INTER_AREA)[0]
    np.testing.assert_allclose(found, expected, atol=1e-5)


@pytest.mark.parametrize("make", [yuv_frame, bt709_frame, bgr_frame])
@pytest.mark.parametrize("scale", [0.4, 1.0, 1.3], ids=["smaller", "as they are", "larger"])
@pytest.mark.parametrize("config", [preset_config("compact"), published_config()])
@pytest.mark.parametrize("dtype", [torch.float32, torch.half])
def test_inputs_match_those_of_the_cpu(config, scale, make, dtype):
    frames = [make(90, 150, seed) for seed in range(2)]
    geometry = input_geometry(90, 150, config, scale)
    expected = InputMemory().fill(frames, geometry)
    device_input = DeviceInput(CPU)
    device_input._dtype = dtype  # a GPU computes in half precision
    found = filled(device_input, frames, geometry)
    assert (found.dtype, tuple(found.shape)) == (torch.uint8, expected.shape)
    off = found.numpy().astype(int) - expected
    assert np.abs(off).max() <= 2
    assert np.abs(off).mean() < 0.3
    (height, width), (top, left) = geometry.resized, geometry.offset
    assert (
        abs(off[:, top : top + height, left : left + width].mean()) < 0.25
    )  # rounded, not truncated


def test_a_smaller_batch_has_no_frame_of_the_larger():
    device_input, geometry = (
        DeviceInput(CPU),
        input_geometry(90, 150, preset_config("compact"), 0.75),
    )
    filled(device_input, [yuv_frame(90, 150, 0), yuv_frame(90, 150, 1)], geometry)
    assert len(filled(device_input, [yuv_frame(90, 150, 2)], geometry)) == 1


def test_a_shape_has_one_buffer_for_any_number_of_frames():
    device_input = DeviceInput(CPU)
    buffers = {
        device_input.upload([yuv_frame(90, 150, 0)] * count).data_ptr() for count in (1, 8, 3)
    }
    assert len(buffers) == 1
    many = device_input.upload([yuv_frame(90, 150, seed) for seed in range(9)])
    assert len(many) == 9
    np.testing.assert_array_equal(many[8].numpy(), yuv_frame(90, 150, 8).pixels)


def test_a_frame_without_pixels_is_refused():
    frame = replace(yuv_frame(64, 64, 0), pixels=None)
    with pytest.raises(ValueError, match="s: frame 1 has no pixels"):
        DeviceInput(CPU).upload([frame])


def test_memory_is_kept_for_few_shapes():
    device_input = DeviceInput(CPU)
    for height in [*range(32, 52, 2), 32]:
        frame = yuv_frame(height, 64, height)
        np.testing.assert_array_equal(device_input.upload([frame])[0].numpy(), frame.pixels)
    assert len(device_input._memory) == 8
