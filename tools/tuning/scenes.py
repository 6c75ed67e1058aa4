"""Rendered scenes to tune on if there are no annotated sequences."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from pipeline.config import DetectorConfig
from pipeline.detectors import build_detector
from stages.decoder.scene import Scene, SceneConfig
from stages.detector.detection_file import DetectionFile
from stages.records import Frame
from tools.annotations.ground_truth import GroundTruth
from tools.annotations.trajectories import Trajectories
from tools.tuning.tune import TuningSequence

FIRST_SEED = 9000  # of scenes that the shipped weights have not seen and that are shown nowhere
FRAMES = 150  # of each scene


def render_sequences(
    view: str,
    detector_config: DetectorConfig,
    count: int,
    progress: Callable[[int, int], None] = lambda done, of: None,
) -> list[TuningSequence]:
    """Renders scenes, always in the same order, and detects vehicles in them.

    Args:
        view: ``drone`` or ``intersection``.
        detector_config: Detector to run on them.
        count: Number of scenes.
        progress: Called with the number of scenes done and the total.

    Raises:
        ConfigError: There is no such view, or the detector cannot be used.
    """
    detector = build_detector(detector_config)
    sequences = []
    for number in range(count):
        config = SceneConfig(
            FIRST_SEED + number, frames=FRAMES, view=view, light="random", varied=True
        )
        scene, name = Scene(config), f"{view}-{number + 1}"
        rendered, found = [], []
        for index in range(FRAMES):
            rendered.append(scene.render(index))
            frame = Frame.of_image(rendered[-1].image, name, index)
            found.append(detector.detect([frame])[0])
        truth = Trajectories.from_frames([f.boxes for f in rendered], [f.ids for f in rendered])
        detections = DetectionFile(
            Path(name),
            "mot",
            FRAMES,
            np.repeat(np.arange(FRAMES), [len(each.scores) for each in found]),
            np.concatenate([each.boxes for each in found]).astype(np.float64),
            np.concatenate([each.scores for each in found]),
            np.concatenate([each.classes for each in found]),
            detector.class_names,
        )
        sequences.append(TuningSequence(GroundTruth(name, FRAMES, truth, truth), detections))
        progress(number + 1, count)
    return sequences
