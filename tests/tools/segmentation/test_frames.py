from pathlib import Path

import numpy as np
import pytest

from stages.records import Frame
from tests.stages.decoder.conftest import write_video
from tests.tools.datasets.conftest import make_sample
from tools.segmentation.frames import SampleFrames, VideoFrames


@pytest.mark.parametrize(
    ("numbers", "positions"),
    [
        ([1, 2, 3, 5], 4),
        ([1, 3, 5, 7], 2),
        ([1, 11, 21], 1),  # the next frame is already farther
        ([1], 4),
        ([None, None], 4),
    ],
)
def test_frame_distance_accounts_for_left_out_frames(numbers, positions):
    samples = [make_sample(Path("a.png"), frame=number) for number in numbers]
    assert SampleFrames("a", samples, Path("masks")).apart(4) == positions


def test_every_frame_read_from_a_video_has_its_own_mask(tmp_path):
    video = tmp_path / "road.mp4"
    write_video(video, frames=7)
    frames = VideoFrames(video, "road", tmp_path / "masks")
    assert [each.mask for each in frames.read(3)] == frames.masks()[::3]


def test_video_ends_where_its_size_changes(tmp_path, monkeypatch):
    frames = VideoFrames(tmp_path / "a.mp4", "a", tmp_path / "masks")
    images = [np.zeros((height, 60, 3), np.uint8) for height in (40, 20)]
    shown = [Frame.of_image(image, index=index) for index, image in enumerate(images)]
    monkeypatch.setattr(frames, "_frames", lambda: iter(shown))
    assert len([*frames.read()]) == 1
    assert list(frames.problems) == [f"{tmp_path / 'a.mp4'} changes its size at frame 2"]
