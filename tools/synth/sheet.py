"""A contact sheet of rendered images with their annotations."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tools.datasets.contact_sheet import contact_sheet
from tools.datasets.formats import read_data_set
from tools.image_writing import write_image
from tools.synth.options import SynthOptions, scene_name
from tools.synth.render import format_folders

TILES, COLUMNS, TILE_WIDTH, JPEG_QUALITY = 12, 3, 480, 82


def write_sheet(folder: Path, options: SynthOptions, seeds: Sequence[int], file: Path) -> None:
    """Draws the middle image of each of the first scenes, read back from the files.

    Args:
        folder: The output folder.
        options: Options of the rendering; UA-DETRAC is among the formats.
        seeds: Seeds of the scenes.
        file: File of the sheet; its suffix determines the format.

    Raises:
        ConfigError: The suffix is not that of an image format.
        OutputError: The file cannot be written.
    """
    names = [scene_name(seed) for seed in seeds[:TILES]]
    samples = read_data_set(format_folders(folder, options)["detrac"]).samples
    middle = (options.frames + 1) // 2
    chosen = [each for each in samples if each.scene in names and each.frame == middle]
    image = contact_sheet(chosen, COLUMNS, TILE_WIDTH)
    write_image(file, image, jpeg_quality=JPEG_QUALITY)
