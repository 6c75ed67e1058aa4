"""Scoring of whole data sets, with several detectors and trackers side by side."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeAlias

from stages.cores import usable_cores
from stages.detector.sequence_files import find_files
from stages.errors import ConfigError
from stages.number_table import BeyondSequenceError
from stages.result_files import DETECTIONS, TRACKS, StreamStatus, status
from stages.wording import counted
from tools.annotations.detrac_matrices import matrix_paths
from tools.annotations.ground_truth import GroundTruth
from tools.evaluation.detection import DetectionResult
from tools.evaluation.pr_protocol import PrPoint, pr_scores
from tools.evaluation.sequence import (
    DETECTION_IOUS,
    Kind,
    SequenceScore,
    SequenceTask,
    fault_in_file,
    frames_in_file,
    score_sequence,
)
from tools.evaluation.tracking import total
from tools.tracking.tracker_choice import TrackerChoice
from tools.workers import Workers
from trackers.settings import setting_text

_FAULTS_NAMED = 8

Scores: TypeAlias = dict[str, dict[str, float]]  # by group (detection, …) and name (AP70, …)


@dataclass(frozen=True, slots=True)
class Entry:
    """One row of the table.

    Attributes:
        name: Name of the row; "" for a single unnamed entry.
        folder: Folder of the files that are scored.
        kind: What they hold.
        tracker: Tracker to run on the detections.
        source: If a tracker runs, the name of the detections; "" if they are unnamed.
        judged: Whether detections are scored themselves, as AP and in the PR protocol.
    """

    name: str
    folder: Path
    kind: Kind = "detections"
    tracker: TrackerChoice | None = None
    source: str = ""
    judged: bool = True

    @property
    def label(self) -> str:
        """Prefix of messages about the entry: ``name: `` or ""."""
        return f"{self.name}: " if self.name else ""

    @property
    def description(self) -> str:
        """What is scored: the folder, and the tracker that runs with all its settings."""
        text = f"{self.label}{'tracks' if self.kind == 'results' else self.kind} of {self.folder}"
        if self.tracker is not None:
            settings = ", ".join(
                f"{name}={setting_text(value)}" for name, value in self.tracker.all_settings.items()
            )
            text += f", tracked by {self.tracker.name}" + (f" ({settings})" if settings else "")
        return text


@dataclass(frozen=True, slots=True, eq=False)
class EntryScore:
    """Scores of an entry.

    Attributes:
        entry: The entry.
        sequences: Scores by sequence name.
        incomplete: Status of the run that wrote a sequence's file, by sequence name, if it did not
            process the whole source.
    """

    entry: Entry
    sequences: Mapping[str, SequenceScore] = field(default_factory=dict)
    incomplete: Mapping[str, StreamStatus] = field(default_factory=dict)

    @property
    def overall(self) -> Scores:
        """Scores of all sequences combined, each box weighted equally."""
        return scores_of(list(self.sequences.values()))

    @property
    def points(self) -> list[PrPoint]:
        """Points of the PR protocol, of all sequences combined."""
        return protocol_points(list(self.sequences.values()))


def scores_of(sequences: Sequence[SequenceScore]) -> Scores:
    """Returns the ``detection``, ``tracking`` and ``pr`` scores of sequences combined.

    Scores are fractions and counts; groups for which nothing was scored are omitted.
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
    """Returns the points of all sequences combined, by threshold; empty if a sequence has none."""
    if not all(score.points for score in sequences):
        return []
    by_threshold = zip(*(score.points for score in sequences), strict=True)
    return [sum(points, PrPoint()) for points in by_threshold]


def score_entries(
    entries: Sequence[Entry],
    truths: Sequence[GroundTruth],
    *,
    iou_threshold: float,
    others: Sequence[str] = (),
    workers: int | None = None,
    advance: Callable[[int], None] = lambda count: None,
) -> list[EntryScore]:
    """Scores every entry on every sequence, in parallel processes.

    Args:
        entries: What to score.
        truths: The sequences.
        iou_threshold: Minimum IoU of a match for CLEAR and IDF1.
        others: Names of further sequences, whose files are not scored.
        workers: Number of processes; None for one per usable core.
        advance: Called with the number of newly scored sequences of entries.

    Raises:
        ConfigError: A sequence has no file, or a file is malformed. The message names file and
            line; if a tracker runs, of up to eight such files.
    """
    names = [truth.name for truth in truths]
    tasks, incomplete = [], []
    for entry in entries:
        files = _files(entry, names, others)
        tasks += [
            SequenceTask(
                truth, files[truth.name], entry.kind, entry.tracker, iou_threshold, entry.judged
            )
            for truth in truths
        ]
        incomplete.append(_incomplete(files))
    found = []
    with Workers(workers or usable_cores()) as pool:
        try:
            if any(task.tracker for task in tasks):  # else reading is a large part of the work
                _check_files(tasks, pool)
            for score in pool.do_all(score_sequence, tasks):
                found.append(score)
                advance(1)
        except BeyondSequenceError as error:
            by_file = _one_per_file(tasks)
            needed = lengths_needed(by_file, pool.do_all(frames_in_file, by_file))
            raise ConfigError(f"{error}; {needed}") from None
    rows = [found[start : start + len(truths)] for start in range(0, len(found), len(truths))]
    return [
        EntryScore(entry, {score.name: score for score in row}, unfinished)
        for entry, row, unfinished in zip(entries, rows, incomplete, strict=True)
    ]


def _check_files(tasks: Sequence[SequenceTask], pool: Workers) -> None:
    """Reads all files, so that a fault is not found after minutes of scoring.

    Raises:
        BeyondSequenceError: A file has a frame that the sequence lacks.
        ConfigError: Files are malformed; the message names the file and line of the first eight.
    """
    faults = [fault for fault in pool.do_all(fault_in_file, _one_per_file(tasks)) if fault]
    malformed = [each for each in faults if not isinstance(each, BeyondSequenceError)]
    if malformed:
        named = "; ".join(map(str, malformed[:_FAULTS_NAMED]))
        more = len(malformed) - _FAULTS_NAMED
        others = f"; {counted(more, 'more malformed file')}" if more > 0 else ""
        raise ConfigError(named + others)
    if faults:
        raise faults[0]


def _one_per_file(tasks: Sequence[SequenceTask]) -> list[SequenceTask]:
    """Returns a task for each file, which the tasks of several trackers share."""
    return list({(task.file, task.kind): task for task in tasks}.values())


def lengths_needed(tasks: Sequence[SequenceTask], frame_counts: Iterable[int]) -> str:
    """Returns the options that make the sequences as long as their files.

    Args:
        tasks: One for each file.
        frame_counts: Number of frames in the file of each task.
    """
    counts = {task.truth.name: task.truth.frame_count for task in tasks}
    needed: dict[str, int] = {}
    for task, count in zip(tasks, frame_counts, strict=True):
        name = task.truth.name
        if count > counts[name]:
            counts[name] = needed[name] = count
    others = counted(len(needed) - 1, "other sequence")
    which = "it is" if len(needed) == 1 else f"it and {others} are"
    options = (f"--frames {shlex.quote(f'{name}={count}')}" for name, count in needed.items())
    return f"if {which} longer, {' '.join(options)}"


def _incomplete(files: Mapping[str, Path]) -> dict[str, StreamStatus]:
    """Returns the status of each run that wrote one of ``files`` and is not complete."""
    of_runs = {
        name: status(file.parent)
        for name, file in files.items()
        if file.name in (DETECTIONS, TRACKS)
    }
    return {
        name: each for name, each in of_runs.items() if each not in (None, StreamStatus.COMPLETE)
    }


def _files(entry: Entry, names: Sequence[str], others: Sequence[str]) -> dict[str, Path]:
    if entry.kind == "detections":
        return find_files(entry.folder, names, DETECTIONS, others)
    matrices = {name: matrix_paths(entry.folder, name) for name in names}
    try:
        found = find_files(entry.folder, names, TRACKS, others)
    except ConfigError:
        if not any(file.is_file() for paths in matrices.values() for file in paths):
            raise
    else:  # a single one of the matrices looks like a file of tracks
        if not any(file in matrices[name] for name, file in found.items()):
            return found
    for paths in matrices.values():
        absent = [file.name for file in paths if not file.is_file()]
        if absent:
            raise ConfigError(
                f"{entry.folder} holds matrices of UA-DETRAC's toolkit, but not {', '.join(absent)}"
            )
    return {name: paths[0] for name, paths in matrices.items()}


def with_trackers(entries: Sequence[Entry], trackers: Sequence[TrackerChoice]) -> list[Entry]:
    """Returns each entry with detections once per tracker, named after both if necessary."""
    result = []
    for entry in entries:
        if entry.kind == "results" or not trackers:
            result.append(entry)
            continue
        for tracker in trackers:
            names = [entry.name] if entry.name else []
            if len(trackers) > 1:
                names.append(tracker.label)
            name = " + ".join(names)
            result.append(replace(entry, name=name, tracker=tracker, source=entry.name))
    return result
