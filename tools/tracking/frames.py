"""Runs a tracker on a detection file, without video."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from stages.detector.detection_file import DetectionFile
from stages.detector.sequence_files import sequence_name
from stages.records import Detections, Float32Array, FrameHeader, Tracks
from stages.tracker import TrackerStage


def tracked_frames(
    file: DetectionFile,
    tracker: str,
    settings: Mapping[str, object],
    frame_count: int,
    *,
    frame_size: tuple[int, int] | None = None,
    motions: Sequence[Float32Array | None] | None = None,
    min_score: float = -np.inf,
) -> Iterator[Tracks]:
    """Yields the tracks of every frame, empty ones included, in order.

    Args:
        file: The detections.
        tracker: Name of the tracker.
        settings: Its settings.
        frame_count: Number of frames in the sequence.
        frame_size: Width and height in pixels, for trackers that use the frame's edges; None for
            the size stated by the run that made the file, or else by the benchmark of its format.
        motions: Camera motion of every frame, see `Detections`; None if unknown.
        min_score: Minimum score; detections below it are ignored.

    Raises:
        ConfigError: The tracker is unknown or a setting is invalid.
    """
    stage = TrackerStage(tracker, settings)
    name = sequence_name(file.path)
    width, height = frame_size or file.frame_size or (0, 0)  # 0: unknown
    for index in range(frame_count):
        header = FrameHeader.of_image(height, width, name, index)
        boxes, scores, classes = file.frame(index)
        good = scores >= min_score
        motion = None if motions is None else motions[index]
        yield stage.process(Detections(header, boxes[good], scores[good], classes[good], motion))
