"""Tuning a tracker: a search on all sequences, and cross-validation by leaving one out."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

import yaml

from stages.cores import usable_cores
from stages.detector.detection_file import DetectionFile
from stages.records import Float32Array
from tools.annotations.ground_truth import GroundTruth
from tools.evaluation.sequence import score_tracks, track
from tools.evaluation.tracking import TrackingResult, total
from tools.tracking.tracker_choice import TrackerChoice
from tools.tuning.grid import GRIDS
from tools.tuning.search import Settings, Worth, search
from tools.workers import Workers
from trackers import default_settings

OBJECTIVE = ("HOTA", "MOTA", "IDF1")  # their mean is maximised
MIN_GAIN = 0.0005
MAX_ROUNDS = 4

# To its last indented line: what follows may be about the next section.
_TRACKER_SECTION = re.compile(r"^tracker:.*(\n(#.*\n|\n)* .+)*", re.MULTILINE)


@dataclass(frozen=True, slots=True, eq=False)
class TuningSequence:
    """A sequence to tune on.

    Attributes:
        truth: Its ground truth.
        detections: Its detections.
        frame_size: Width and height in pixels; None for that of ``detections``.
        motions: Camera motion of every frame, see `Detections`; None if unknown.
    """

    truth: GroundTruth
    detections: DetectionFile
    frame_size: tuple[int, int] | None = None
    motions: Sequence[Float32Array | None] | None = None


@dataclass(frozen=True, slots=True)
class TuningResult:
    """The result of a search.

    Attributes:
        tracker: Name of the tracker.
        start: The settings it began with.
        settings: The best, found on all sequences.
        before: Scores of ``start``, on all sequences.
        after: Scores of the best, on all sequences.
        left_out: Combined scores of all sequences, each tracked with the best settings found
            without it, as an estimate for unseen sequences. Empty if there is only one sequence or
            they were not requested.
        folds: The settings behind ``left_out``, by the sequence that was left out.
        sequences: Scores of each sequence by name, each with the settings of ``before``, ``after``
            and ``left_out``.
        tried: Number of settings tried.
    """

    tracker: str
    start: Settings
    settings: Settings
    before: Mapping[str, float]
    after: Mapping[str, float]
    left_out: Mapping[str, float] = field(default_factory=dict)
    folds: Mapping[str, Settings] = field(default_factory=dict)
    sequences: Mapping[str, Mapping[str, Mapping[str, float]]] = field(default_factory=dict)
    tried: int = 0


def tune(
    sequences: Sequence[TuningSequence],
    tracker: str,
    start: Settings,
    *,
    iou_threshold: float = 0.5,
    leave_one_out: bool = True,
    workers: int | None = None,
    progress: Callable[[str, int], None] = lambda stage, tried: None,
    so_far: Callable[[TuningResult, bool], None] = lambda result, searched: None,
) -> TuningResult:
    """Searches settings for the best mean of HOTA, MOTA and IDF1 over all sequences together.

    Args:
        sequences: Sequences to tune on.
        tracker: Name of the tracker, one of `GRIDS`.
        start: Settings to begin with; missing ones have the tracker's defaults.
        iou_threshold: Minimum IoU of a match for MOTA and IDF1.
        leave_one_out: Also search without each sequence in turn.
        workers: Number of processes; None for one per usable core.
        progress: Called with what is searched and the number of settings tried so far.
        so_far: Called with the best result on all sequences so far, and whether that search is
            over; next, sequences are left out.
    """
    first = {**default_settings(tracker), **start}
    names = [sequence.truth.name for sequence in sequences]
    with Workers(workers or usable_cores()) as pool:
        results = _Results(pool, sequences, tracker, iou_threshold)
        everything = range(len(sequences))
        best = _best_on(
            everything,
            results,
            first,
            partial(progress, "all sequences"),
            lambda settings: so_far(_result(results, first, settings), False),
        )
        so_far(_result(results, first, best), True)
        folds = {}
        if leave_one_out and len(sequences) > 1:
            for left, name in enumerate(names):
                others = [index for index in everything if index != left]
                stage = partial(progress, f"without {left + 1} of {len(names)}, {name}")
                folds[name] = _best_on(others, results, first, stage)
        return _result(results, first, best, folds)


@dataclass(frozen=True, slots=True, eq=False)
class _Results:
    """The results of a tracker on all sequences, computed once for each of its settings."""

    pool: Workers
    sequences: Sequence[TuningSequence]
    tracker: str
    iou_threshold: float
    known: dict[tuple[object, ...], list[TrackingResult]] = field(default_factory=dict)

    def of(self, settings: Settings) -> list[TrackingResult]:
        """Returns the result of every sequence."""
        key = tuple(settings.values())
        if key not in self.known:
            choice = TrackerChoice(self.tracker, self.tracker, settings)
            work = partial(_score, tracker=choice, iou_threshold=self.iou_threshold)
            self.known[key] = list(self.pool.do_all(work, self.sequences))
        return self.known[key]


def _result(
    results: _Results, first: Settings, best: Settings, folds: Mapping[str, Settings] | None = None
) -> TuningResult:
    names = [sequence.truth.name for sequence in results.sequences]
    variants: dict[str, list[Settings]] = {
        "before": [first] * len(names),
        "after": [best] * len(names),
    }
    if folds:
        variants["left_out"] = list(folds.values())
    found = {
        variant: [results.of(each)[index] for index, each in enumerate(settings)]
        for variant, settings in variants.items()
    }
    overall = {variant: total(each).scores for variant, each in found.items()}
    return TuningResult(
        results.tracker,
        first,
        best,
        **overall,
        folds=folds or {},
        sequences={
            name: {variant: each[index].scores for variant, each in found.items()}
            for index, name in enumerate(names)
        },
        tried=len(results.known),
    )


def _best_on(
    indices: Sequence[int],
    results: _Results,
    first: Settings,
    progress: Callable[[int], None],
    so_far: Callable[[Settings], None] = lambda settings: None,
) -> Settings:
    """Returns the best settings for the sequences at ``indices``, searched from ``first``."""

    def worth(settings: Settings) -> Worth:
        chosen = [results.of(settings)[index] for index in indices]
        progress(len(results.known))
        return Worth(_objective(chosen), tuple(_objective([each]) for each in chosen))

    return search(worth, GRIDS[results.tracker], first, MIN_GAIN, MAX_ROUNDS, so_far)


def _objective(results: Sequence[TrackingResult]) -> float:
    scores = total(results).scores
    return sum(scores[name] for name in OBJECTIVE) / len(OBJECTIVE)


def _score(
    sequence: TuningSequence, *, tracker: TrackerChoice, iou_threshold: float, **_: object
) -> TrackingResult:
    tracks = track(
        sequence.detections,
        tracker,
        sequence.truth.frame_count,
        frame_size=sequence.frame_size,
        motions=sequence.motions,
    )
    return score_tracks(sequence.truth, tracks, iou_threshold)


def with_tracker(text: str, result: TuningResult) -> str:
    """Returns ``text``, a config, with the tracker section of ``result`` in place of its own.

    Settings at their defaults are left out. If the tracker section or the whole config is in flow
    style, as in JSON, the comments are lost.
    """
    defaults = default_settings(result.tracker)
    changed = {k: v for k, v in result.settings.items() if v != defaults[k]}
    section = f"tracker:\n  name: {result.tracker}" + "\n  settings:" * bool(changed)
    section += "".join(f"\n    {name}: {json.dumps(value)}" for name, value in changed.items())
    replaced, found = _TRACKER_SECTION.subn(lambda _: section, text, count=1)
    if not found:
        replaced = "\n".join([*text.splitlines(), section])
    content = yaml.safe_load(text) or {}
    wanted = content | {
        "tracker": {"name": result.tracker} | ({"settings": changed} if changed else {})
    }
    if bool(found) != ("tracker" in content) or not _holds(replaced, wanted):
        replaced = yaml.safe_dump(wanted, sort_keys=False, allow_unicode=True)
    return replaced.rstrip("\n") + "\n"


def _holds(text: str, content: object) -> bool:
    try:
        return bool(yaml.safe_load(text) == content)
    except yaml.YAMLError:
        return False
