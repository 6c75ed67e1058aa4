"""What maps of a stream are made of, from the folders of its runs."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from pipeline.workers.run_record import RunRecord
from stages.errors import ConfigError
from stages.records import UInt8Array
from stages.result_files import OVERLAY, TRACKS, files_of, frame_size
from stages.sink.folder_contents import RUN
from tools.mapping.scene import scene_of, video_size
from tools.mapping.traffic import Traffic
from tools.result_rows import rows

_GREY = 128


def traffic_of(
    name: str, folders: Sequence[Path], picture: UInt8Array | None
) -> tuple[Traffic, UInt8Array]:
    """Returns where a stream's vehicles were, and a picture of its scene of the same size.

    Args:
        name: The stream's.
        folders: With its tracks, one for each run.
        picture: ``(H, W, 3)`` uint8 BGR; None to take what the overlays show, or grey.

    Raises:
        ConfigError: The size of the frames is not known, or not the same in all runs; or a row is
            malformed.
        OutputError: Another release wrote the results of a run that has not ended.
        SourceError: An overlay cannot be read.
    """
    overlays = [overlay for folder in folders for overlay in files_of(folder, OVERLAY)]
    sizes = {size for folder in folders if (size := _size_of_frames(folder))}
    if not sizes and picture is not None:
        sizes = {(picture.shape[1], picture.shape[0])}
    if len(sizes) != 1:
        listed = " and ".join(f"{width}x{height}" for width, height in sorted(sizes))
        raise ConfigError(
            f"{name} has frames of {listed}: make maps of these runs apart"
            if sizes
            else f"the run of {name} has not ended, and it has no overlay that tells the size of "
            f"its frames: give a picture of them (--picture {name}=FILE)"
        )
    (size,) = sizes
    traffic = Traffic(*size)
    for folder in folders:
        columns = (str, int, float, float, float, float, str, str, str, str)
        traffic.add(row[1:6] for row in rows(folder, TRACKS, *columns))
    if picture is None:
        picture = scene_of(overlays)
    if picture is None:
        return traffic, np.full((size[1], size[0], 3), _GREY, np.uint8)
    return traffic, np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)


def _size_of_frames(folder: Path) -> tuple[int, int] | None:
    """Width and height in pixels; None where no file tells."""
    if size := frame_size(folder):
        return size
    with contextlib.suppress(OSError, ValueError, IndexError):
        latest = files_of(folder, OVERLAY)[-1]
        most_rows = RunRecord.load(folder / RUN).config.sink.overlay_height
        width, height = video_size(latest)
        if most_rows is None or height < most_rows // 2 * 2:
            return width, height
    return None
