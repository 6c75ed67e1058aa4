"""Scores for the tracks of the built-in demo scene."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from stages.decoder.scene_source import DEMO_SCENE
from stages.decoder.source import FrameSelection
from stages.result_files import TRACKS
from stages.scene import Scene
from tools.annotations.mot_file import read_mot
from tools.annotations.trajectories import Trajectories
from tools.evaluation.clear import clear
from tools.evaluation.comparison import compare
from tools.evaluation.identity import identity


@dataclass(frozen=True, slots=True)
class DemoScore:
    """MOTA and IDF1 at IoU 0.5 against the scene's exact boxes, and its number of vehicles."""

    mota: float
    idf1: float
    vehicles: int


def score_demo(folder: Path, selection: FrameSelection) -> DemoScore:
    """Scores ``folder/mot.txt`` of a finished demo run over the frames it processed."""
    scene = Scene(DEMO_SCENE)
    chosen = [index for index in range(DEMO_SCENE.frames) if selection.takes(index)]
    frames = [scene.render(index) for index in chosen]
    truth = Trajectories.from_arrays(
        np.repeat(chosen, [len(frame.ids) for frame in frames]),
        np.concatenate([frame.ids for frame in frames]),
        np.concatenate([frame.boxes for frame in frames]),
    )
    comparison = compare(truth, read_mot(folder / TRACKS))
    vehicles = len(np.unique(truth.ids))
    return DemoScore(clear(comparison).mota, identity(comparison).f1, vehicles)
