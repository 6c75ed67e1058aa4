"""Pictures that show a network what it will see, so that int8 spans the right ranges."""

from __future__ import annotations

from collections.abc import Iterator

from stages.decoder.scene import Scene, random_config
from stages.detector.preprocessing import input_geometry, network_input
from stages.detector.spotnet import SpotNetConfig
from stages.records import UInt8Array

FIRST_SEED = 70_000
"""Of no scene that the shipped weights were trained on."""

SCENE_SIZE = 544, 960
"""Height and width of frames, where nothing else is asked for."""

_FRAMES = 100  # of a scene, of which one is rendered


def calibration_inputs(
    config: SpotNetConfig, count: int, frame_size: tuple[int, int] = SCENE_SIZE
) -> Iterator[UInt8Array]:
    """Network inputs ``(1, H, W, 3)``, each of a rendered scene of its own; always the same ones.

    They ship with the program, and are no images that anybody scores a network on.

    Args:
        config: Of the network.
        count: How many.
        frame_size: Height and width of the frames.
    """
    height, width = frame_size
    # Scenes are of even sizes; the input is padded anyway.
    even = height - height % 2, width - width % 2
    geometry = input_geometry(height, width, config, config.scale)
    for seed in range(FIRST_SEED, FIRST_SEED + count):
        scene = Scene(random_config(seed, even[1], even[0], frames=_FRAMES))
        image = scene.render(seed % _FRAMES).image
        yield network_input([image[:height, :width]], geometry).numpy()
