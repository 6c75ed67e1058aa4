"""Calibration for int8: the value ranges of a network's features on representative images."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from torch import Tensor

from stages.atomic import replacing
from stages.detector.engines.int8 import check_network
from stages.detector.preprocessing import Normalisation, input_geometry, network_input
from stages.detector.spotnet import channels_last, feature_ranges, with_ranges
from stages.detector.weights_file import load_network
from stages.errors import ConfigError, OutputError, SourceError
from stages.records import UInt8Array
from stages.scene import Scene, random_config
from tools.detection.images import read_images

FIRST_SEED = 70_000
"""First of the seeds; no training scene of the shipped weights has any of them."""

SCENES = 32

_SIZE = 960, 544  # width and height of a rendered frame
_FRAMES = 100  # per scene, one of which is rendered


def calibrate(
    weights: Path,
    unreadable: Callable[[str], None],
    images: Sequence[Path] = (),
    scenes: int = SCENES,
    progress: Callable[[str], None] = lambda what: None,
) -> int:
    """Stores the value ranges of a network's features in its weights file.

    Args:
        weights: A ``.safetensors`` file, whose tensors stay unchanged.
        unreadable: Called with a message for each unreadable image, which is left out.
        images: Representative images; if empty, rendered scenes, always the same ones.
        scenes: Number of scenes to render.
        progress: Called with the current activity.

    Returns:
        Number of features.

    Raises:
        ConfigError: The weights do not load, are in another format, or belong to a kind of network
            that int8 does not support.
        SourceError: None of the images can be read.
        OutputError: The file cannot be written, or has been replaced meanwhile.
    """
    if weights.suffix != ".safetensors":
        raise ConfigError(f"calibrate writes into .safetensors files, got {weights}")
    content = _content(weights)
    network, normalise = channels_last(load_network(weights)), Normalisation()
    check_network(network)

    def inputs() -> Iterator[Tensor]:
        readable = (image for _, image in read_images(images, unreadable))
        used = readable if images else _rendered_scenes(scenes)
        for number, image in enumerate(used, 1):
            progress(f"image {number} of {len(images) or scenes}")
            height, width = image.shape[:2]
            geometry = input_geometry(height, width, network.config, network.config.scale)
            yield normalise(network_input([image], geometry))

    ranges = feature_ranges(network, inputs())
    if not ranges:
        raise SourceError("no image can be read")
    if _content(weights) != content:  # such as by training: the ranges are of the old weights
        raise OutputError(f"{weights} has changed meanwhile; calibrate it again")
    with replacing(weights) as part:
        part.write_bytes(with_ranges(content, network.config, ranges))
    return len(ranges)


def _content(file: Path) -> bytes:
    """Returns the bytes of a file; empty if it cannot be read."""
    try:
        return file.read_bytes()
    except OSError:
        return b""


def _rendered_scenes(count: int) -> Iterable[UInt8Array]:
    """Yields a frame ``(H, W, 3)`` BGR of each of ``count`` scenes never used for scoring."""
    for seed in range(FIRST_SEED, FIRST_SEED + count):
        yield Scene(random_config(seed, *_SIZE, frames=_FRAMES)).render(seed % _FRAMES).image
