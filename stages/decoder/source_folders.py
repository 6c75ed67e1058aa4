"""Searches folders for sources: recordings, folders of images, videos."""

from __future__ import annotations

import os
import re
from pathlib import Path

from stages.decoder.image_folder import image_files
from stages.decoder.segments import is_recording
from stages.errors import SourceError
from stages.result_files import REPORT
from stages.seqinfo import read_seqinfo

MASKS = "masks"
"""Name of a data set's folder of foreground masks, which are not sequences."""

VIDEO_SUFFIXES = frozenset(
    {
        *(".264", ".265", ".3g2", ".3gp", ".asf", ".avi", ".flv", ".h264", ".h265", ".hevc"),
        *(".m2ts", ".m4v", ".mjpeg", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".mts", ".mxf"),
        *(".ogv", ".ts", ".vob", ".webm", ".wmv", ".y4m"),
    }
)
"""Suffixes of videos in a folder; a file given by name may have any suffix."""

_DEPTH = 4  # DETRAC-train-data/Insight-MVT_Annotation_Train/MVI_20011 is the deepest known

_MOT_FOLDER = "img1"
# The folder above these names the sequence.
_GENERIC_NAMES = frozenset({"frames", "images", "img", _MOT_FOLDER})


def recordings_in(folder: Path, depth: int = _DEPTH) -> list[Path]:
    """Returns the recordings at most ``depth`` levels below ``folder``, in order."""
    found: list[Path] = []
    if depth:
        for below in _subfolders(folder):
            found += [below] if is_recording(below) else recordings_in(below, depth - 1)
    return found


def image_folders(folder: Path, depth: int = _DEPTH) -> list[Path]:
    """Returns the folders of images, not of masks, at most ``depth`` levels down, in order.

    ``folder`` itself is the only one if it has images. However, images above the sequences of a
    benchmark, such as a map of the site, are ignored.
    """
    found: list[Path] = []
    if depth:
        for below in _subfolders(folder):
            if below.name != MASKS:
                found += image_folders(below, depth - 1)
    return found if any(map(layout_of, found)) or not image_files(folder) else [folder]


def nearest_videos(folder: Path, depth: int = _DEPTH) -> list[Path]:
    """Returns the videos in a folder or, if it has none, the nearest in each folder below."""
    if (videos := videos_in(folder)) or not depth:
        return videos
    below = _without_results(folder)
    return [video for each in below for video in nearest_videos(each, depth - 1)]


def all_videos(folder: Path, depth: int = _DEPTH) -> list[Path]:
    """Returns the videos at most ``depth`` levels down, in order, except results and recordings."""
    videos = videos_in(folder)
    if depth:
        for below in _without_results(folder):
            if not is_recording(below):
                videos += all_videos(below, depth - 1)
    return videos


def videos_in(folder: Path) -> list[Path]:
    """Returns the videos in a folder, in order."""
    suffixes = tuple(VIDEO_SUFFIXES)
    with os.scandir(folder) as entries:  # there may be very many images
        names = [entry.name for entry in entries if entry.name.lower().endswith(suffixes)]
    videos = [folder / name for name in sorted(names) if not name.startswith(".")]
    return [video for video in videos if not video.is_dir()]


def closed_folders(folder: Path, depth: int = _DEPTH) -> list[Path]:
    """Returns the folders at most ``depth`` levels down that cannot be read, in order."""
    if not depth:
        return []
    below = [each for each in _shown_folders(folder) if each.name != "lost+found"]
    return [
        closed
        for each in below
        for closed in (closed_folders(each, depth - 1) if _is_open(each) else [each])
    ]


def _subfolders(folder: Path) -> list[Path]:
    """Returns the folders in ``folder`` that are not hidden and can be read, in order."""
    return list(filter(_is_open, _shown_folders(folder)))


def _without_results(folder: Path) -> list[Path]:
    return [below for below in _subfolders(folder) if not (below / REPORT).exists()]


def _is_open(folder: Path) -> bool:
    return os.access(folder, os.R_OK | os.X_OK)


def _shown_folders(folder: Path) -> list[Path]:
    with os.scandir(folder) as entries:
        names = sorted(entry.name for entry in entries if _is_shown_folder(entry))
    return [folder / name for name in names]


def _is_shown_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir() and not entry.name.startswith(".")
    except OSError:  # a link to itself, or to something inaccessible
        return False


def layout_of(folder: Path) -> str:
    """Returns the benchmark that a folder of images belongs to by its name, or ""."""
    if folder.name == _MOT_FOLDER:
        return "mot"
    name = sequence_of(folder)
    if re.fullmatch(r"MVI_\d+", name):
        return "detrac"
    if re.fullmatch(r"M\d{4}", name):
        return "uavdt"
    return ""


def sequence_of(folder: Path) -> str:
    """Returns the name of the sequence whose images lie in ``folder``."""
    return folder.parent.name if folder.name in _GENERIC_NAMES else folder.name


def stated_frame_rate(folder: Path) -> str:
    """Returns the frame rate of a folder of images as a fraction, "" if none is stated.

    MOTChallenge has a ``seqinfo.ini`` beside its ``img1``.

    Raises:
        SourceError: The file cannot be read.
    """
    file = folder.parent / "seqinfo.ini"
    if folder.name != _MOT_FOLDER or not file.is_file():
        return ""
    try:
        return str(read_seqinfo(file).frame_rate or "")
    except ValueError as error:
        raise SourceError(str(error)) from error
