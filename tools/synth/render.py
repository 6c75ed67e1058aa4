"""Renders one scene into its files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

from stages.records import UInt8Array
from stages.scene import Scene
from tools.synth.detrac import DetracWriter
from tools.synth.mot import MotWriter
from tools.synth.options import SynthOptions, scene_name
from tools.synth.truth import FrameTruth, make_truth
from tools.workers import StoppedError

JPEG_QUALITY = 92


def format_folders(folder: Path, options: SynthOptions) -> dict[str, Path]:
    """Returns the folder of each format: ``folder``, or one subfolder each for both formats."""
    if options.format == "both":
        return {name: folder / name for name in ("detrac", "mot")}
    return {options.format: folder}


def is_complete(folder: Path, options: SynthOptions, seed: int) -> bool:
    """Returns whether the scene of a seed was written before, in all formats."""
    name = scene_name(seed)
    return all(
        (DetracWriter if kind == "detrac" else MotWriter).is_complete(root, name)
        for kind, root in format_folders(folder, options).items()
    )


def render_scene(
    folder: Path,
    options: SynthOptions,
    seed: int,
    advance: Callable[[int], None] = lambda count: None,
    stopped: Callable[[], bool] = lambda: False,
) -> int:
    """Renders the scene of a seed and writes it.

    Args:
        folder: The output folder.
        options: Rendering options.
        seed: Seed of the scene.
        advance: Called with the number of further images done.
        stopped: Called before every image; returns whether to give up.

    Returns:
        The number of boxes listed in its images.

    Raises:
        OutputError: The file system refuses; incomplete files are removed.
        StoppedError: ``stopped`` returned True; incomplete files are removed.
    """
    name = scene_name(seed)
    scene = Scene(options.scene(seed))
    writers: list[DetracWriter | MotWriter] = []
    try:
        for kind, root in format_folders(folder, options).items():
            writers.append(
                DetracWriter(root, name) if kind == "detrac" else MotWriter(root, name, options)
            )
        frames = []
        for number in range(1, options.frames + 1):
            if stopped():
                raise StoppedError
            details = scene.render_details((number - 1) * options.every)
            jpeg = _encode(".jpg", details.frame.image, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
            mask = _encode(".png", details.mask, [])
            for writer in writers:
                writer.add(number, jpeg, mask)
            frames.append(FrameTruth.from_details(details))
            advance(1)
        truth = make_truth(
            name,
            frames,
            (options.width, options.height),
            stable=scene.view == "intersection",
            weather=_weather(scene),
        )
        for writer in writers:
            writer.commit(truth)
    except BaseException:
        for writer in writers:
            writer.discard()
        raise
    return truth.boxes


def _weather(scene: Scene) -> str:
    """Returns the weather in UA-DETRAC's terms: night even if it rains, and cloudy at dusk."""
    if scene.light == "night":
        return "night"
    if scene.weather == "rain":
        return "rainy"
    return "sunny" if scene.sunny else "cloudy"


def _encode(suffix: str, image: UInt8Array, settings: list[int]) -> bytes:
    done, content = cv2.imencode(suffix, image, settings)
    assert done
    return np.asarray(content, np.uint8).tobytes()
