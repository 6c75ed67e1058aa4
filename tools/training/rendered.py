"""Training images of our own making: rendered traffic scenes, each of another world."""

from __future__ import annotations

import numpy as np

from stages.decoder.scene import random_scene
from tools.training.coco import Sample

RENDERED = "rendered"


def rendered_samples(
    scenes: int, first_seed: int, frames: int = 3, width: int = 960, height: int = 544
) -> list[Sample]:
    """``frames`` frames, far apart in time, of each of ``scenes`` random scenes.

    The seeds count up from ``first_seed``.
    """
    samples = []
    for seed in range(first_seed, first_seed + scenes):
        scene = random_scene(seed, width, height)
        for index in np.linspace(0, scene.config.frames - 1, frames).astype(int):
            frame = scene.render(int(index))
            boxes = np.asarray(frame.boxes, np.float32).reshape(-1, 4)
            name = f"scene-{seed}"
            samples.append(Sample(f"{name}-{index}", name, RENDERED, frame.image, boxes))
    return samples
