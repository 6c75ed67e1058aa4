import cv2
import numpy as np
import pytest

from stages.errors import ConfigError
from tests.stages.decoder.conftest import write_video
from tools.segmentation.plan import make_plan
from tools.segmentation.sheet import mask_sheet


def test_only_images_with_a_mask_are_drawn(tmp_path):
    for name in ("1.png", "2.png"):
        cv2.imwrite(str(tmp_path / name), np.zeros((40, 60, 3), np.uint8))
    plan = make_plan(tmp_path, tmp_path / "out")
    with pytest.raises(ConfigError, match="no mask was written"):
        mask_sheet(plan, 2)
    first = plan.samples[0].mask
    first.parent.mkdir(parents=True)
    cv2.imwrite(str(first), np.zeros((40, 60), np.uint8))
    alone = mask_sheet(plan, 2).shape
    cv2.imwrite(str(plan.samples[1].mask), np.zeros((40, 60), np.uint8))
    assert mask_sheet(plan, 2).shape[1] > alone[1]


def test_only_frames_of_a_video_with_a_mask_are_drawn(tmp_path):
    write_video(tmp_path / "clip.mp4", 4)
    plan = make_plan(tmp_path / "clip.mp4", tmp_path / "out")
    with pytest.raises(ConfigError, match="no mask was written"):
        mask_sheet(plan, 2)
