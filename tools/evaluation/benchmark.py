"""Scoring of whole data sets, several detectors and trackers side by side."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeAlias

from stages.detector.file_detector import find_file
from stages.sink.results import DETECTIONS, TRACKS
from tools.annotations.ground_truth import GroundTruth
from tools.evaluation.detection import DetectionResult
from tools.evaluation.pr_protocol import PrPoint, pr_scores
from tools.evaluation.sequence import (
    DETECTION_IOUS,
    SequenceScore,
    SequenceTask,
    score_sequence,
)
from tools.evaluation.tracker_choice import TrackerChoice
from tools.evaluation.tracking import total
from tools.workers import do_all, usable_cores

Scores: TypeAlias = dict[str, dict[str, float]]  # of a group (detection, …), by name (AP70, …)


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the table.

    Attributes:
        name: "" where only one thing is scored and nobody named it.
        detections: Folder of detection files.
        results: Folder of tracks; then there are no detections.
        tracker: To run on the detections.
    """

    name: str
    detections: Path | None = None
    results: Path | None = None
    tracker: TrackerChoice | None = None

    @property
    def label(self) -> str:
        """How a line about it begins: ``name: `` or nothing."""
        return f"{self.name}: " if self.name else ""


@dataclass(frozen=True, slots=True, eq=False)
class EntryScore:
    """What an entry came to.

    Attributes:
        entry: The entry.
        sequences: By name.
    """

    entry: Entry
    sequences: Mapping[str, SequenceScore] = field(default_factory=dict)

    @property
    def overall(self) -> Scores:
        """Scores of all sequences together, each box counting the same."""
        return scores_of(list(self.sequences.values()))

    def to_json(self) -> dict[str, object]:
        """``overall`` and, by name, ``sequences``."""
        return {
            "overall": self.overall,
            "sequences": {name: scores_of([score]) for name, score in self.sequences.items()},
        }


def scores_of(sequences: Sequence[SequenceScore]) -> Scores:
    """``detection``, ``tracking`` and ``pr`` scores of sequences together.

    Fractions and counts; the groups for which nothing was scored are left out.
    """
    scores: Scores = {}
    if any(score.detection for score in sequences):
        detection = {
            f"AP{round(100 * iou)}": DetectionResult.combined(
                score.detection[iou] for score in sequences
            ).average_precision
            for iou in sorted(DETECTION_IOUS, reverse=True)
        }
        for level in sequences[0].levels:
            detection[level] = DetectionResult.combined(
                score.levels[level] for score in sequences
            ).average_precision
        for condition in sorted({c for score in sequences for c in score.conditions.values()}):
            detection[condition] = DetectionResult.combined(
                score.detection[max(DETECTION_IOUS)]
                for score in sequences
                if condition in score.conditions.values()
            ).average_precision
        scores["detection"] = detection
    tracked = [score.tracking for score in sequences if score.tracking is not None]
    if tracked:
        scores["tracking"] = total(tracked).scores
    if points := protocol_points(sequences):
        scores["pr"] = pr_scores(points)
    return scores


def protocol_points(sequences: Sequence[SequenceScore]) -> list[PrPoint]:
    """The points of all sequences together, thresholds rising; none where one sequence has none."""
    if not all(score.points for score in sequences):
        return []
    by_threshold = zip(*(score.points for score in sequences), strict=True)
    return [sum(points, PrPoint()) for points in by_threshold]


def score_entries(
    entries: Sequence[Entry],
    truths: Sequence[GroundTruth],
    *,
    iou_threshold: float,
    jobs: int | None = None,
    advance: Callable[[int], None] = lambda count: None,
) -> list[EntryScore]:
    """Scores every entry on every sequence, sequences in parallel processes.

    Args:
        entries: What to score.
        truths: The sequences.
        iou_threshold: Least IoU of a match for CLEAR and IDF1.
        jobs: Processes; None for one for each core that may be used.
        advance: Told how many more sequences of entries are done.

    Raises:
        ConfigError: A sequence has no file, or a file is malformed; named with file and line.
    """
    tasks = [
        SequenceTask(
            truth,
            None
            if entry.detections is None
            else find_file(entry.detections, truth.name, DETECTIONS),
            None if entry.results is None else find_file(entry.results, truth.name, TRACKS),
            entry.tracker,
            iou_threshold,
        )
        for entry in entries
        for truth in truths
    ]
    found = []
    for score in do_all(score_sequence, tasks, jobs or usable_cores()):
        found.append(score)
        advance(1)
    rows = [found[start : start + len(truths)] for start in range(0, len(found), len(truths))]
    return [
        EntryScore(entry, {score.name: score for score in row})
        for entry, row in zip(entries, rows, strict=True)
    ]


def with_trackers(entries: Sequence[Entry], trackers: Sequence[TrackerChoice]) -> list[Entry]:
    """Each entry with detections once for each tracker, named after both where needed."""
    result = []
    for entry in entries:
        if entry.detections is None or not trackers:
            result.append(entry)
            continue
        for tracker in trackers:
            names = [entry.name] if entry.name else []
            if len(trackers) > 1:
                names.append(tracker.label)
            result.append(replace(entry, name=" + ".join(names), tracker=tracker))
    return result
