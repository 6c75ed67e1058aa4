import numpy as np
import pytest

from stages.detector import delayed_detector
from stages.detector.delayed_detector import DelayedDetector, delayed
from stages.errors import ConfigError
from stages.records import Frame


def test_detections_are_read_from_the_file_after_the_delay(tmp_path, monkeypatch):
    slept = []
    monkeypatch.setattr(delayed_detector.time, "sleep", slept.append)
    path = tmp_path / "clip_Det_made.txt"
    path.write_text("1,1,10,20,30,40,0.9\n1,2,50,20,30,40,0.2\n")
    detector = DelayedDetector(delayed(path, 20.5), min_score=0.5)
    frames = [Frame.of_image(np.zeros((96, 160, 3), np.uint8), "clip", 0)] * 2
    found = detector.detect(frames)
    assert slept == [0.0205]
    assert [each.boxes.tolist() for each in found] == [[[10, 20, 40, 60]]] * 2
    assert detector.name == "made"


@pytest.mark.parametrize("path", ["delayed:clip.txt", "delayed:-1:clip.txt", "delayed:1:"])
def test_a_path_without_a_delay_or_a_file_is_refused(path):
    with pytest.raises(ConfigError, match="is not like delayed:5:"):
        DelayedDetector(path)
