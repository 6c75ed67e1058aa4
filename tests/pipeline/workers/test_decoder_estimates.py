from pathlib import Path

import cv2
import numpy as np
import pytest
from msgspec import structs

from pipeline.config import DecoderConfig, RunConfig
from stages.decoder import camera_motion, reference_view
from stages.decoder.camera_motion import small_gray
from stages.records import Frame
from tests.pipeline.workers.scripted_source import RecordingSender, Script, decoder_plan, read


@pytest.mark.parametrize("estimate", ["camera_motion", "reference"])
def test_camera_motion_and_the_search_for_the_view_count_as_work(tmp_path, monkeypatch, estimate):
    plan = decoder_plan(tmp_path)
    image = np.random.default_rng(0).integers(0, 256, (90, 160, 3), np.uint8)
    assert cv2.imwrite(f"{plan.output}/view.png", image)
    value = {"camera_motion": True, "reference": {"cam": Path(plan.output) / "view.png"}}[estimate]
    plan = structs.replace(plan, config=RunConfig(decoder=DecoderConfig(**{estimate: value})))
    worked = [0]

    def counted(frame):
        worked[0] += 7
        return small_gray(frame)

    for module in (camera_motion, reference_view):
        monkeypatch.setattr(module, "small_gray", counted)
    sender = RecordingSender()
    source = Script([Frame.of_image(image, "cam", 0)], sender)
    read(plan, source, sender, lambda: worked[0])
    assert sender.elapsed == [7]
