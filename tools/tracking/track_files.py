"""Tracks detection files, without video or extra processes."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from stages.atomic import write_atomically
from stages.detector.detection_file import DetectionFile
from stages.detector.file_warnings import file_warnings
from stages.detector.sequence_files import sequence_files
from stages.errors import ConfigError, SpotStreamError
from stages.records import Float32Array, Tracks
from stages.result_files import is_of_run
from stages.sink.mot import mot_rows
from stages.wording import counted
from tools.annotations.trajectories import rows_by_frame
from tools.tracking.frames import tracked_frames
from trackers.interpolation import fill_gaps


@dataclass(frozen=True, slots=True, eq=False)
class TrackSummary:
    """Result of tracking one file.

    Attributes:
        detections: The file read.
        output: The file written.
        frames: Number of frames tracked, empty ones included.
        boxes: Number of rows written.
        tracks: Number of distinct ids.
        seconds: Tracking time, excluding reading and writing.
        scores: ``(N,)`` scores of the detections.
        warnings: Warnings about the detections, see `file_warnings`.
    """

    detections: Path
    output: Path
    frames: int
    boxes: int
    tracks: int
    seconds: float
    scores: Float32Array
    warnings: tuple[str, ...]

    @property
    def frames_per_second(self) -> float:
        """Speed of the tracker; 0 if no time was measured."""
        return self.frames / self.seconds if self.seconds > 0 else 0.0


def track_file(
    detections: Path,
    output: Path,
    tracker: str,
    settings: Mapping[str, object],
    frame_size: tuple[int, int] | None = None,
    fill: int = 0,
) -> TrackSummary:
    """Tracks one detection file and writes the tracks in MOT format.

    Args:
        detections: File in a format of `stages.detector.detection_file`.
        output: File to write, atomically.
        tracker: Name of the tracker.
        settings: Its settings.
        frame_size: Width and height in pixels, for trackers that use the frame's edges; None for
            the size stated by the run that made the file, or else by the benchmark of its format.
        fill: Longest gap of a track, in frames, to fill by linear interpolation afterwards; the
            boxes from online tracking stay unchanged.

    Raises:
        ConfigError: The file, the tracker or a setting is invalid.
        OutputError: The result cannot be written.
    """
    if fill < 0:
        raise ConfigError(f"fill must not be negative, got {fill}")
    if output.suffix == ".gz":
        raise ConfigError(f"output {output} would hold plain text; choose a name without .gz")
    if output.resolve() == detections.resolve():
        raise ConfigError(f"output {output} is the detection file; choose another")
    if is_of_run(output):
        raise ConfigError(f"output {output} is a result of a run; choose another")
    file = DetectionFile.read(detections)
    start = time.perf_counter()
    tracked = list(tracked_frames(file, tracker, settings, file.frame_count, frame_size=frame_size))
    seconds = time.perf_counter() - start
    if fill:
        tracked = _filled(tracked, fill)
    with_classes = len(file.class_names) > 1
    rows = (
        mot_rows(tracks, number, with_classes=with_classes)
        for number, tracks in enumerate(tracked, 1)
    )
    write_atomically(output, "".join(rows))
    boxes = sum(map(len, tracked))
    ids = {number for tracks in tracked for number in tracks.ids.tolist()}
    return TrackSummary(
        detections,
        output,
        file.frame_count,
        boxes,
        len(ids),
        seconds,
        file.scores,
        tuple(file_warnings(file, frame_size or file.frame_size)),
    )


def track_folder(
    detections: Path,
    output: Path,
    tracker: str,
    settings: Mapping[str, object],
    frame_size: tuple[int, int] | None = None,
    fill: int = 0,
) -> Iterator[TrackSummary]:
    """Tracks every detection file in a folder: ``MVI_1_Det_X.txt.gz`` to ``output/MVI_1.txt``.

    A folder without such files may be a run's results or a data set: then ``MVI_1/detections.txt``
    or ``MVI_1/det/det.txt`` is tracked to ``output/MVI_1.txt``.

    Args:
        detections: The folder.
        output: Folder to write to.
        tracker: See `track_file`.
        settings: See `track_file`.
        frame_size: See `track_file`.
        fill: See `track_file`.

    Yields:
        A summary for each sequence, sorted by name, once its file is written.

    Raises:
        ConfigError: The folder is missing or has no detection files, two files belong to the same
            sequence, or see `track_file`; the message counts the files written before.
        OutputError: A result cannot be written; the message counts the files written before.
    """
    if not detections.is_dir():
        raise ConfigError(f"detections folder {detections} does not exist")
    sequences = sequence_files(detections)
    if output.resolve() == detections.resolve():
        raise ConfigError(f"output folder {output} is the detections folder; choose another")
    for done, (name, file) in enumerate(sorted(sequences.items())):
        try:
            yield track_file(file, output / f"{name}.txt", tracker, settings, frame_size, fill)
        except SpotStreamError as error:
            if done:
                total = counted(len(sequences), "file")
                error.args = (f"{error}; tracks of {done} of {total} were written before",)
            raise


def _filled(tracked: Sequence[Tracks], max_frames: int) -> list[Tracks]:
    """Returns the tracks of every frame, with short gaps filled in."""
    counts = [len(tracks) for tracks in tracked]
    values = [np.column_stack((tracks.boxes, tracks.scores)) for tracks in tracked]
    before = np.repeat(np.arange(len(tracked)), counts)
    ids_before = np.concatenate([np.empty(0, np.int64), *(tracks.ids for tracks in tracked)])
    classes = np.concatenate([np.empty(0, np.int16), *(tracks.classes for tracks in tracked)])
    frames, ids, filled = fill_gaps(
        before, ids_before, np.concatenate([np.empty((0, 5)), *values]), max_frames
    )
    # A filled-in box gets the class of the last box of its track before it.
    order = np.lexsort((before, ids_before))
    keys = (ids_before * len(tracked) + before)[order]
    latest = np.searchsorted(keys, ids * len(tracked) + frames, side="right") - 1
    classes = classes[order][latest]
    return [
        Tracks(
            tracks.detections,
            filled[rows, :4].astype(np.float32),
            filled[rows, 4].astype(np.float32),
            classes[rows],
            ids[rows],
        )
        for tracks, rows in zip(tracked, rows_by_frame(frames, len(tracked)), strict=True)
    ]
