"""The input of a stream's maps, from the folders of its runs."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Collection, Sequence
from pathlib import Path

import cv2
import numpy as np

from pipeline.workers.run_record import RunRecord
from stages.errors import ConfigError, OutputError, SourceError
from stages.records import UInt8Array
from stages.result_files import OVERLAY, TRACKS, files_of, frame_sizes
from stages.sink.folder_contents import RUN
from tools.mapping.labels import LabelCover
from tools.mapping.scene import scene_of, video_size
from tools.mapping.traffic import Traffic
from tools.results.rows import rows

_GREY = 128
_ASPECT_TOLERANCE = 0.02  # relative tolerance of a picture's aspect ratio


def traffic_of(
    name: str, folders: Sequence[Path], picture: UInt8Array | None
) -> tuple[Traffic, UInt8Array]:
    """Returns the traffic of a stream, and a picture of its scene in the same size.

    Args:
        name: Name of the stream.
        folders: Folders with its tracks, one for each run.
        picture: ``(H, W, 3)`` uint8 BGR; None to use the scene of the overlays, or plain grey if
            there are none.

    Raises:
        ConfigError: The size of the frames is unknown or varies, the picture has another aspect
            ratio, or a row is malformed.
        SourceError: No picture is given, and an overlay cannot be read.
    """
    width, height = size = _size_of(name, folders, picture)
    traffic = Traffic(width, height)
    for folder in folders:
        columns = (str, int, float, float, float, float, str, str, str, str)
        traffic.add(row[1:6] for row in rows(folder, TRACKS, *columns))
    if picture is None:
        overlays = [overlay for folder in folders for overlay in files_of(folder, OVERLAY)]
        cover_of = functools.cache(lambda folder: LabelCover(name, folder, size))
        picture = scene_of(overlays, lambda frame, overlay: cover_of(overlay.parent).apply(frame))
        if picture is None:
            return traffic, np.full((height, width, 3), _GREY, np.uint8)
    return traffic, np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)


def _size_of(name: str, folders: Sequence[Path], picture: UInt8Array | None) -> tuple[int, int]:
    """Returns the width and height of the stream's frames in pixels."""
    sizes = {
        size
        for folder in folders
        for size in _sizes_in(name, folder, has_picture=picture is not None)
    }
    if len(sizes) > 1:
        listed = " and ".join(f"{width}x{height}" for width, height in sorted(sizes))
        raise ConfigError(f"{name} has frames of {listed}: make maps of these runs apart")
    given = picture.shape[1::-1] if picture is not None else None
    if not sizes:
        if given is None:
            raise ConfigError(
                f"the run of {name} has not ended, and no overlay shows the size of its frames: "
                f"complete it if it was killed (spotstream complete), or give a picture of them "
                f"(--picture {name}=FILE)"
            )
        return given
    ((width, height),) = sizes
    if given and abs(given[0] * height - given[1] * width) > _ASPECT_TOLERANCE * given[0] * height:
        raise ConfigError(
            f"--picture of {name} is {given[0]}x{given[1]}, its frames are {width}x{height}"
        )
    return width, height


def _sizes_in(name: str, folder: Path, *, has_picture: bool) -> set[tuple[int, int]]:
    """Returns widths and heights in pixels according to the files of a run; empty if unknown."""
    stated = frame_sizes(folder)
    _refuse_change(name, f"frames in {folder}", stated)
    drawn: dict[tuple[int, int], None] = {}  # in the order of their frames
    for overlay in files_of(folder, OVERLAY):
        try:
            drawn[video_size(overlay)] = None
        except SourceError:
            if not has_picture:
                raise
    # A new overlay begins when the frame size changes; that of frames may differ from it in scale.
    _refuse_change(name, f"overlays in {folder}", drawn)
    if stated:
        return {*stated}
    with contextlib.suppress(OSError, ValueError, OutputError):
        max_height = RunRecord.load(folder / RUN).config.sink.overlay_height
        return {size for size in drawn if max_height is None or size[1] < max_height // 2 * 2}
    return set()


def _refuse_change(name: str, whose: str, sizes: Collection[tuple[int, int]]) -> None:
    """Refuses a stream whose tracks are in pixels of several sizes."""
    if len(sizes) > 1:
        listed = ", ".join(f"{width}x{height}" for width, height in sizes)
        raise ConfigError(
            f"no map of {name}: its {whose} change in size ({listed}), and so do the pixels of its "
            f"tracks"
        )
