"""Rendered scenes to tune on if there are no annotated sequences."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from pipeline.config import RunConfig
from pipeline.detectors import build_detector
from stages.decoder.camera_motion import CameraMotion
from stages.detector.detection_file import DetectionFile
from stages.records import Frame
from stages.scene import Scene, SceneConfig
from tools.annotations.ground_truth import GroundTruth
from tools.annotations.ignored import IgnoredRegions, half_inside
from tools.annotations.trajectories import Trajectories
from tools.synth.truth import FrameTruth
from tools.tuning.tune import TuningSequence

FIRST_SEED = 9000  # of scenes that the shipped weights have not seen and that are shown nowhere
FRAMES = 150  # of each scene


def render_sequences(
    view: str,
    config: RunConfig,
    count: int,
    progress: Callable[[int, int], None] = lambda done, of: None,
) -> list[TuningSequence]:
    """Renders scenes, always in the same order, and detects vehicles in them as a run would.

    Args:
        view: ``drone`` or ``intersection``.
        config: Config of the run.
        count: Number of scenes.
        progress: Called with the number of scenes done and the total.

    Raises:
        ConfigError: There is no such view, or the detector cannot be used.
    """
    # The regions are those of the user's cameras.
    detector = build_detector(replace(config.detector, regions={}))
    sequences = []
    for number in range(count):
        scene_config = SceneConfig(
            FIRST_SEED + number, frames=FRAMES, view=view, light="random", varied=True
        )
        scene, name = Scene(scene_config), f"{view}-{number + 1}"
        camera = CameraMotion() if config.decoder.camera_motion else None
        shown, found, motions = [], [], []
        for index in range(FRAMES):
            details = scene.render_details(index)
            shown.append(FrameTruth.from_details(details))
            frame = Frame.of_image(details.frame.image, name, index)
            motions.append(camera.estimate(frame) if camera else None)
            found.append(detector.detect([frame])[0])
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
        size = scene_config.width, scene_config.height
        sequences.append(TuningSequence(_truth(name, shown), detections, size, motions))
        progress(number + 1, count)
    return sequences


def _truth(name: str, frames: Sequence[FrameTruth]) -> GroundTruth:
    """Returns the vehicles that are easy to see; nothing is scored where the others are.

    Vehicles of which half lies in front of the box of another that is not easy to see are left out.
    """
    others = [frame.boxes[~frame.easy] for frame in frames]
    ignored = IgnoredRegions(
        np.concatenate(others).astype(np.float64),
        np.repeat(np.arange(len(frames)), [len(boxes) for boxes in others]),
    )
    listed = [
        frame.take(frame.easy & ~half_inside(frame.boxes, boxes))
        for frame, boxes in zip(frames, others, strict=True)
    ]
    tracks = Trajectories.from_frames(
        [frame.boxes for frame in listed], [frame.ids for frame in listed]
    )
    return GroundTruth(name, len(frames), tracks, tracks, ignored)
