"""The program of docs/counting.md that writes the first frame."""

import cv2
import numpy as np

from tests.documentation import run_program
from tools.harness.material import make_clip


def test_first_frame_is_written(tmp_path, monkeypatch):
    make_clip(tmp_path, 4).rename(tmp_path / "crossing.mp4")
    run_program("counting.md", "look.png", tmp_path, monkeypatch)
    picture = cv2.imread("look.png")
    assert picture.shape == (120, 160, 3)
    _, shown = cv2.VideoCapture("crossing.mp4").read()
    np.testing.assert_allclose(picture.astype(int), shown, atol=4)
