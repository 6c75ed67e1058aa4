"""What a tracker that is tuned gets to know: the frame size, and in rendered scenes more."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Self

import numpy as np
import pytest

from pipeline.config import DetectorConfig
from pipeline.config_file import load_config
from stages.records import BoolArray, Detections, Float32Array, Frame
from stages.scene import Scene, SceneDetails
from tests.tools.invoking import output_of
from tools.tuning import scenes
from tools.tuning.grid import GRIDS
from tools.tuning.scenes import render_sequences
from tools.tuning.tune import TuningSequence
from tools.tuning.tune import tune as search

tune = partial(output_of, "tune")

FRAMES = 4
WIDTH, HEIGHT = 960, 544


class EveryVehicle:
    """A detector that finds all vehicles of the frame rendered last, however well hidden."""

    class_names = ("vehicle",)

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.boxes: list[Float32Array] = []
        self.listed: list[BoolArray] = []
        render = Scene.render_details

        def rendered(scene: Scene, index: int) -> SceneDetails:
            details = render(scene, index)
            self.boxes.append(details.frame.boxes)
            self.listed.append(details.listed)
            return details

        monkeypatch.setattr(Scene, "render_details", rendered)
        monkeypatch.setattr(scenes, "FRAMES", FRAMES)
        monkeypatch.setattr(scenes, "build_detector", self.built)
        monkeypatch.setitem(GRIDS, "spottrack", {})  # nothing to search

    def built(self, config: DetectorConfig) -> Self:
        assert not config.regions  # which are those of the user's cameras
        return self

    def detect(self, frames: Sequence[Frame]) -> list[Detections]:
        boxes = self.boxes[-1]
        scores = np.full(len(boxes), 0.9, np.float32)
        return [Detections(frames[0].header, boxes, scores, np.zeros(len(boxes), np.int16))]


@pytest.fixture
def detector(monkeypatch: pytest.MonkeyPatch) -> EveryVehicle:
    return EveryVehicle(monkeypatch)


def scored(sequence: TuningSequence, **settings: object) -> Mapping[str, float]:
    """Returns the scores of SpotTrack with these settings."""
    return search([sequence], "spottrack", settings, workers=1).before


def test_what_is_known_of_a_rendered_crossing(detector: EveryVehicle) -> None:
    """The tracker knows the edges of the frame; nothing is scored where vehicles are hidden."""
    region = "detector.regions={'*': [0, 0, 99, 99]}"
    [sequence] = render_sequences("intersection", load_config(Path("intersection"), [region]), 1)
    assert sequence.motions == [None] * FRAMES
    boxes, listed = np.concatenate(detector.boxes), np.concatenate(detector.listed)
    assert not listed.all()
    scores = scored(sequence, duplicate_iou=1.0)
    assert scores["TP"] >= 0.9 * listed.sum()
    assert scores["FP"] == scores["FN"] == 0
    inside = ((boxes[:, :2] >= 4) & (boxes[:, 2:] <= np.array([WIDTH, HEIGHT]) - 4)).all(axis=1)
    assert 0 < inside.sum() < len(inside)
    assert scored(sequence, duplicate_iou=1.0, edge_margin=4.0)["TP"] <= inside.sum()


@pytest.mark.usefixtures("detector")
def test_the_camera_motion_of_a_rendered_flight_is_estimated() -> None:
    [sequence] = render_sequences("drone", load_config(Path("uav")), 1)
    settings = {"estimate_camera": False, "iou_threshold": 0.9}
    without = scored(replace(sequence, motions=None), **settings)
    assert scored(sequence, **settings)["IDF1"] > without["IDF1"]


def test_the_frame_size_option_makes_the_edge_margin_effective(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A vehicle that the frame's edge cuts is detected, but not annotated."""
    monkeypatch.setitem(GRIDS, "spottrack", {"edge_margin": (-1.0, 4.0)})
    for folder in ("gt", "det"):
        (tmp_path / folder).mkdir()
    truth = [f"{frame},1,{100 + 4 * frame},50,40,30,1,1,-1\n" for frame in range(1, 21)]
    found = [
        f"{frame},-1,{left},50,40,30,0.9\n"
        for frame in range(1, 21)
        for left in (100 + 4 * frame, 360)
    ]
    (tmp_path / "gt" / "A_gt.txt").write_text("".join(truth))
    (tmp_path / "det" / "A.txt").write_text("".join(found))
    config = tmp_path / "start.yaml"
    config.write_text("tracker: {name: spottrack}\n")
    tuned = []
    for options in ((), ("--frame-size", "400x300")):
        tune(
            *("--gt", tmp_path / "gt", "--detections", tmp_path / "det", "--workers", "1"),
            *("--config", config, "--json", tmp_path / "tuned.json", *options),
        )
        tuned.append(json.loads((tmp_path / "tuned.json").read_text())["settings"]["edge_margin"])
    assert tuned == [-1.0, 4.0]
