"""All scores of one sequence: detections, a tracker run on them, or tracks from a file."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from stages.detector.detection_file import DetectionFile
from stages.detector.file_warnings import box_warnings, file_warnings
from stages.detector.sequence_files import find_files
from stages.errors import ConfigError
from stages.records import BoolArray, Float32Array, Int64Array
from stages.result_files import DETECTIONS
from tools.annotations.detrac_matrices import is_matrix, read_matrices
from tools.annotations.ground_truth import GroundTruth
from tools.annotations.mot_file import read_mot
from tools.annotations.trajectories import Trajectories, rows_by_frame
from tools.evaluation.clear import Matches, clear, errors_by_frame, match_boxes
from tools.evaluation.comparison import compare
from tools.evaluation.detection import DetectionResult, judge
from tools.evaluation.pr_protocol import PR_IOU, THRESHOLDS, PrPoint
from tools.evaluation.tracking import TrackingResult, score_tracking
from tools.tracking.frames import tracked_frames
from tools.tracking.tracker_choice import TrackerChoice
from tools.workers import StoppedError

DETECTION_IOUS = (0.5, 0.7)

Kind: TypeAlias = Literal["detections", "results"]
"""What a file holds: detections, or tracks, the results of a tracker."""


def _read_tracks(path: Path, frame_count: int | None = None) -> Trajectories:
    return (read_matrices if is_matrix(path) else read_mot)(path, frame_count)


_READERS: dict[Kind, Callable[..., DetectionFile | Trajectories]] = {
    "detections": DetectionFile.read,
    "results": _read_tracks,
}


@dataclass(frozen=True, slots=True, eq=False)
class SequenceTask:
    """What to score, and against which ground truth.

    Attributes:
        truth: Ground truth of the sequence.
        file: The file that is scored.
        kind: What it holds.
        tracker: Tracker to run on the detections, also for the PR protocol.
        iou_threshold: Minimum IoU of a match for CLEAR and IDF1.
        judged: Whether detections are scored themselves, as AP and in the PR protocol.
    """

    truth: GroundTruth
    file: Path
    kind: Kind = "detections"
    tracker: TrackerChoice | None = None
    iou_threshold: float = 0.5
    judged: bool = True


@dataclass(frozen=True, slots=True, eq=False)
class SequenceScore:
    """The scores of one task; scores that it did not request are empty or None.

    Attributes:
        name: Name of the sequence.
        detection: Results by minimum IoU.
        levels: Results by level of difficulty, at the strictest of `DETECTION_IOUS`.
        conditions: Conditions of the sequence, see `GroundTruth`.
        tracking: Scores of the tracks.
        errors: ``(F, 3)`` false positives, false negatives and id switches of every frame.
        points: Points of the PR protocol, one per threshold; empty also if a detection score is
            outside [0, 1].
        tracks: The tracks that were scored, without ignored boxes.
        matches: Matches of ``tracks`` with the ground truth.
        given: The tracks before any are left out, if the ground truth has `MotObjects`.
        file: File of the detections or tracks.
        warnings: Warnings about the file, see `file_warnings`.
    """

    name: str
    detection: Mapping[float, DetectionResult] = field(default_factory=dict)
    levels: Mapping[str, DetectionResult] = field(default_factory=dict)
    conditions: Mapping[str, str] = field(default_factory=dict)
    tracking: TrackingResult | None = None
    errors: Int64Array | None = None
    points: tuple[PrPoint, ...] = ()
    tracks: Trajectories | None = None
    matches: Matches | None = None
    given: Trajectories | None = None
    file: Path | None = None
    warnings: tuple[str, ...] = ()


def score_sequence(
    task: SequenceTask, *, stopped: Callable[[], bool] = lambda: False, **_: object
) -> SequenceScore:
    """Scores one sequence.

    Args:
        task: What to score.
        stopped: Polled before each run of the PR protocol.

    Raises:
        BeyondSequenceError: A file has a frame that the sequence lacks.
        ConfigError: A file is missing or malformed (the message names file and line), or the
            tracker or its settings are invalid.
        StoppedError: ``stopped`` returned True.
    """
    truth = task.truth
    detection: dict[float, DetectionResult] = {}
    levels: dict[str, DetectionResult] = {}
    points: tuple[PrPoint, ...] = ()
    given = None
    warnings: list[str] = []
    width, height = truth.objects.boxes[:, 2:].max(axis=0, initial=0)  # at most the frame size
    if task.kind == "detections":
        file = DetectionFile.read(task.file, frame_count=truth.frame_count)
        # Classes are not scored.
        warnings = file_warnings(
            file, (width, height), of_uavdt=True, tracked=task.tracker is not None
        )
        if task.judged:
            shown = ~truth.ignored.cover(file.indices, file.boxes)
            detection = {iou: _judge_file(truth, file, shown, iou) for iou in DETECTION_IOUS}
            levels = {
                level: _judge_file(truth, file, shown, max(DETECTION_IOUS), ~member)
                for level, member in truth.levels.items()
            }
        if task.tracker is not None:
            given = track(file, task.tracker, truth.frame_count)
            if task.judged and _are_shares(file.scores):
                points = _points(task, file, detection[PR_IOU], stopped)
    else:
        given = _read_tracks(task.file, truth.frame_count)
        warnings = box_warnings(given.boxes, (width, height))
    score = SequenceScore(
        truth.name,
        detection=detection,
        levels=levels,
        conditions=truth.conditions,
        points=points,
        file=task.file,
        warnings=tuple(warnings),
    )
    if given is None:
        return score
    tracks = _scored(truth, given)
    comparison = compare(truth.tracks, tracks)
    matches = match_boxes(comparison, task.iou_threshold)
    return replace(
        score,
        tracking=score_tracking(comparison, task.iou_threshold, matches),
        errors=errors_by_frame(comparison, matches, truth.frame_count),
        tracks=tracks,
        matches=matches,
        given=given if truth.mot_objects else None,
    )


def fault_in_file(task: SequenceTask, **_: object) -> ConfigError | None:
    """Returns the error that keeps the task's file from being scored, or None."""
    try:
        _READERS[task.kind](task.file, frame_count=task.truth.frame_count)
    except ConfigError as error:
        return error
    return None


def frames_in_file(task: SequenceTask, **_: object) -> int:
    """Returns the number of the last frame that has a line in the task's file.

    Raises:
        ConfigError: The file is missing or malformed; the message names file and line.
    """
    return _READERS[task.kind](task.file).frame_count


def _judge_file(
    truth: GroundTruth,
    file: DetectionFile,
    shown: BoolArray,
    minimum_iou: float,
    neutral: BoolArray | None = None,
) -> DetectionResult:
    """Judges the detections of a sequence selected by ``shown``.

    Args:
        truth: Ground truth of the sequence.
        file: Detections of the sequence.
        shown: ``(N,)`` bool, which detections to judge.
        minimum_iou: Minimum IoU of a true detection.
        neutral: ``(G,)`` bool, which of ``truth.objects`` are optional to detect; None if none are.
    """
    indices, boxes, scores = file.indices[shown], file.boxes[shown], file.scores[shown]
    true_rows = rows_by_frame(truth.objects.frames, truth.frame_count)
    found_rows = rows_by_frame(indices, truth.frame_count)
    return DetectionResult.combined(
        judge(
            truth.objects.boxes[real],
            boxes[found],
            scores[found],
            minimum_iou,
            None if neutral is None else neutral[real],
        )
        for real, found in zip(true_rows, found_rows, strict=True)
    )


def read_detections(
    folder: Path, truths: Sequence[GroundTruth], others: Sequence[str] = ()
) -> list[DetectionFile]:
    """Reads the detection file of each sequence.

    Args:
        folder: Folder of the files.
        truths: The sequences.
        others: Names of further sequences, whose files are not read.

    Raises:
        ConfigError: A file is missing or malformed; the message names file and line.
    """
    files = find_files(folder, [truth.name for truth in truths], DETECTIONS, others)
    return [
        DetectionFile.read(files[truth.name], frame_count=truth.frame_count) for truth in truths
    ]


def track(
    file: DetectionFile,
    tracker: TrackerChoice,
    frame_count: int,
    min_score: float = -np.inf,
    *,
    frame_size: tuple[int, int] | None = None,
    motions: Sequence[Float32Array | None] | None = None,
) -> Trajectories:
    """Runs a tracker on the detections that reach ``min_score``; see `tracked_frames`.

    Boxes are rounded to two decimals, as in the files that ``spotstream track`` writes.
    """
    boxes, ids = [], []
    for tracked in tracked_frames(
        file,
        tracker.name,
        tracker.settings,
        frame_count,
        frame_size=frame_size,
        motions=motions,
        min_score=min_score,
    ):
        exact = tracked.boxes.astype(np.float64)
        corners, sizes = exact[:, :2].round(2), (exact[:, 2:] - exact[:, :2]).round(2)
        boxes.append(np.concatenate((corners, corners + sizes), axis=1))
        ids.append(tracked.ids)
    return Trajectories.from_frames(boxes, ids)


def score_tracks(truth: GroundTruth, tracks: Trajectories, iou_threshold: float) -> TrackingResult:
    """Scores the tracks of a sequence, without ignored boxes."""
    return score_tracking(compare(truth.tracks, _scored(truth, tracks)), iou_threshold)


def _scored(truth: GroundTruth, tracks: Trajectories) -> Trajectories:
    """Returns ``tracks`` without ignored boxes."""
    if truth.mot_objects is not None:
        return tracks.where(~truth.mot_objects.distracted(tracks))
    return tracks.where(~truth.ignored.cover(tracks.frames, tracks.boxes))


def _are_shares(scores: npt.NDArray[np.floating]) -> bool:
    """Returns whether all scores are in [0, 1], the range of the thresholds."""
    return bool(np.all((scores >= 0) & (scores <= 1)))


def _points(
    task: SequenceTask,
    file: DetectionFile,
    detection: DetectionResult,
    stopped: Callable[[], bool],
) -> tuple[PrPoint, ...]:
    assert task.tracker is not None
    points = []
    for threshold in THRESHOLDS:
        if stopped():
            raise StoppedError
        reached = detection.scores >= threshold
        tracks = track(file, task.tracker, task.truth.frame_count, threshold)
        points.append(
            PrPoint(
                int(detection.hits[reached].sum()),
                int(reached.sum()),
                detection.truth,
                clear(
                    compare(task.truth.tracks, _scored(task.truth, tracks)),
                    PR_IOU,
                    as_detrac=True,
                ),
            )
        )
    return tuple(points)
