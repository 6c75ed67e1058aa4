"""The input of a stream's maps, from the folders of its runs."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Collection, Sequence
from pathlib import Path

import cv2
import numpy as np

from pipeline.workers.run_record import RunRecord
from stages.decoder.image_file import read_image
from stages.errors import ConfigError, OutputError, SourceError
from stages.records import UInt8Array
from stages.result_files import OVERLAY, TRACKS, files_of, frame_sizes
from stages.sink.folder_contents import RUN
from tools.counting.frames import classes_and_size, frames_of_run
from tools.mapping.labels import LabelCover
from tools.mapping.scene import scene_of, video_size
from tools.mapping.traffic import Traffic
from tools.results.reference import (
    anchor_of_run,
    check_pictures,
    is_on_picture,
    picture_of_run,
)
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
        picture: ``(H, W, 3)`` uint8 BGR; None to use the picture on which the runs found their
            frames, or else the scene of the overlays, or plain grey if there are none.

    Raises:
        ConfigError: The size of the frames is unknown or varies, the picture has another aspect
            ratio, a row is malformed, or as for `check_pictures`.
        SourceError: No picture is given, and an overlay cannot be read.
    """
    check_pictures(name, folders)
    if is_on_picture(folders[0]):
        return _traffic_on_picture(name, folders, picture)
    size = _size_of(name, folders, picture)
    traffic = Traffic(*size)
    for folder in folders:
        columns = (str, int, float, float, float, float, str, str, str, str)
        boxes = (row[1:6] for row in rows(folder, TRACKS, *columns))
        traffic.add(boxes, anchor_of_run(folder))
    if picture is None:
        overlays = [overlay for folder in folders for overlay in files_of(folder, OVERLAY)]
        cover_of = functools.cache(lambda folder: LabelCover(name, folder, size))
        picture = scene_of(overlays, lambda frame, overlay: cover_of(overlay.parent).apply(frame))
        if picture is None:
            return traffic, _grey(size)
    return traffic, _resized(picture, size)


def _traffic_on_picture(
    name: str, folders: Sequence[Path], given: UInt8Array | None
) -> tuple[Traffic, UInt8Array]:
    """Returns the traffic of a moving camera on the picture on which its frames were found."""
    path, picture = picture_of_run(folders[0]), None
    if path is not None:
        with contextlib.suppress(SourceError):  # it is gone
            picture = read_image(path)
    if picture is not None:
        size = _size_in(picture)
        if given is not None:
            _check_aspect(name, given, "the picture of its run is", size)
    elif given is not None:
        size = _size_in(given)
    else:  # the picture is one by the same camera, in the size of its frames
        size = classes_and_size(folders[-1])[1]
    if not any(size):
        raise ConfigError(
            f"{name} has no frames of a known size, and the picture on which they were found is "
            f"not there (decoder.reference: {path}): give it (--picture {name}=FILE)"
        )
    traffic = Traffic(*size)
    for folder in folders:
        frames = frames_of_run(folder, *classes_and_size(folder)[1])
        traffic.add_frames((tracks for tracks, _ in frames), anchor_of_run(folder))
    scene = picture if given is None else given
    if scene is None:
        return traffic, _grey(size)
    return traffic, _resized(scene, size)


def _size_in(picture: UInt8Array) -> tuple[int, int]:
    height, width = picture.shape[:2]
    return width, height


def _grey(size: tuple[int, int]) -> UInt8Array:
    return np.full((size[1], size[0], 3), _GREY, np.uint8)


def _resized(picture: UInt8Array, size: tuple[int, int]) -> UInt8Array:
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)


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
    if not sizes:
        if picture is None:
            raise ConfigError(
                f"the run of {name} has not ended, and no overlay shows the size of its frames: "
                f"complete it if it was killed (spotstream complete), or give a picture of them "
                f"(--picture {name}=FILE)"
            )
        return _size_in(picture)
    (size,) = sizes
    if picture is not None:
        _check_aspect(name, picture, "its frames are", size)
    return size


def _check_aspect(name: str, given: UInt8Array, others: str, size: tuple[int, int]) -> None:
    (across, down), (width, height) = _size_in(given), size
    if abs(across * height - down * width) > _ASPECT_TOLERANCE * across * height:
        raise ConfigError(f"--picture of {name} is {across}x{down}, {others} {width}x{height}")


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
