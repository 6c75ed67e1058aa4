"""Whether frames show the view of a picture, as reported."""

import cv2
import numpy as np
import pytest

from pipeline.workers.view_finder import ViewFinder
from stages.records import Frame


@pytest.mark.parametrize("scale", [1, 2])
def test_another_size_than_the_picture_s_is_reported_once(tmp_path, scale):
    noise = np.random.default_rng(1).integers(0, 256, (30, 40), np.uint8)
    image = cv2.cvtColor(cv2.resize(noise, (640, 480)), cv2.COLOR_GRAY2BGR)
    path = tmp_path / "view.png"
    cv2.imwrite(str(path), cv2.resize(image, (640 // scale, 480 // scale)))
    notices: list[str] = []
    finder = ViewFinder(path, notices.append)
    for index in range(2):
        assert finder.located(Frame.of_image(image, index=index)).view
    expected = (
        f"{path} is 320x240, frames are 640x480: lines, zones and ground points are in pixels"
    )
    assert [each.startswith(expected) for each in notices] == [True] * (scale > 1)
