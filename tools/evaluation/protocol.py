"""What was scored and how: without this, scores of two tables cannot be compared."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from stages.wording import counted
from tools.annotations.ground_truth import GroundTruth
from tools.annotations.ground_truths import IOU_THRESHOLDS, Benchmark
from tools.annotations.uavdt import IGNORED_SUFFIX, INSTEAD, missing_files
from tools.evaluation.benchmark import EntryScore
from tools.evaluation.coco import MAX_DETECTIONS, CocoScore
from tools.evaluation.hota import ALPHAS
from tools.evaluation.pr_protocol import PR_IOU
from tools.evaluation.sequence import DETECTION_IOUS

POOLED = "all boxes pooled, not a mean of sequences"
CLASSES_AS_ONE = "as one"


@dataclass(frozen=True, slots=True)
class ScoringProtocol:
    """The protocol of a benchmark on a ground truth.

    Attributes:
        benchmark: The benchmark.
        ground_truth: Ground-truth folder.
        truths: The sequences of it that are scored.
    """

    benchmark: Benchmark
    ground_truth: Path
    truths: Sequence[GroundTruth]

    @property
    def iou_threshold(self) -> float:
        """Minimum IoU of a match for CLEAR and IDF1."""
        return IOU_THRESHOLDS[self.benchmark]

    def of(self, score: EntryScore) -> dict[str, object]:
        """Returns the protocol of an entry's scores, and what was scored, for JSON."""
        entry = score.entry
        found: dict[str, object] = {
            "spotstream": importlib.metadata.version("spotstream"),
            "benchmark": self.benchmark,
            "ground_truth": str(self.ground_truth),
            entry.kind: str(entry.folder),
        }
        if (tracker := entry.tracker) is not None:
            found["tracker"] = {"name": tracker.name, "settings": tracker.all_settings}
        if missing := self.missing_files([score]):
            found["missing_files"] = {
                suffix: {"sequences": names, "instead": INSTEAD[suffix]}
                for suffix, names in missing.items()
            }
        return {**found, "iou_thresholds": self._iou_thresholds([score]), "overall": POOLED}

    def missing_files(self, scores: Sequence[EntryScore]) -> dict[str, list[str]]:
        """Returns, by suffix, the sequences that lack a file that would change ``scores``."""
        judged = any(each.detection for score in scores for each in score.sequences.values())
        return missing_files(self.truths, INSTEAD if judged else [IGNORED_SUFFIX])

    def summary(self, scores: Sequence[EntryScore]) -> str:
        """Returns benchmark, IoU thresholds, missing files and what overall means, in one line."""
        thresholds = ", ".join(
            f"{name} {_shown(values)}" for name, values in self._iou_thresholds(scores).items()
        )
        pooled = f"{'overall' if len(scores) == 1 else 'each row'}: {POOLED}"
        several = len(scores[0].sequences) > 1
        without = "".join(
            f"; no {suffix} for {len(names)} of {counted(len(self.truths), 'sequence')}"
            for suffix, names in self.missing_files(scores).items()
        )
        return f"{self.benchmark}; IoU: {thresholds}{without}" + (f"; {pooled}" if several else "")

    def _iou_thresholds(self, scores: Sequence[EntryScore]) -> dict[str, list[float]]:
        sequences = [each for score in scores for each in score.sequences.values()]
        strict_first = sorted(DETECTION_IOUS, reverse=True)
        found = {}
        if any(each.detection for each in sequences):
            found["AP"] = strict_first
            if any(each.levels or each.conditions for each in sequences):
                found["AP by difficulty and weather"] = strict_first[:1]
        if any(each.tracking is not None for each in sequences):
            found["CLEAR and IDF1"] = [self.iou_threshold]
            found["HOTA"] = ALPHAS.round(2).tolist()
        if any(each.points for each in sequences):
            found["PR"] = [PR_IOU]
        return found


def classes_wording(classes: Sequence[str]) -> str:
    """Returns which classes COCO's scores are of: a name, or what they are the mean over.

    Args:
        classes: Names of the categories that were scored; () for all.
    """
    if len(classes) == 1:
        return classes[0]
    return f"mean over {', '.join(classes) or 'classes'}"


def coco_protocol(
    truth: Path, detections: Path, classes: Sequence[str], score: CocoScore
) -> dict[str, object]:
    """Like `ScoringProtocol.of`, for COCO.

    Args:
        truth: COCO annotation file.
        detections: COCO results file.
        classes: Names of the categories that were scored; () for all.
        score: The scores of the results file.
    """
    return {
        "spotstream": importlib.metadata.version("spotstream"),
        "benchmark": "coco",
        "ground_truth": str(truth),
        "detections": str(detections),
        "scored_classes": list(classes) or "all",
        "classes": CLASSES_AS_ONE if score.why_as_one else classes_wording(classes),
        "images_with_true_boxes": score.images,
        "of_these_without_detection": score.undetected,
        "detections_per_image_and_class": MAX_DETECTIONS,
        "images_with_more": score.overfull,
        "ignored_boxes_as_crowds": score.ignored,
        "iou_thresholds": {
            "AP and AP by size": [step / 100 for step in range(50, 100, 5)],
            "AP50": [0.5],
            "AP70": [0.7],
        },
        "overall": "all images pooled",
    }


def _shown(thresholds: Sequence[float]) -> str:
    if len(thresholds) > 2:
        return f"{thresholds[0]} to {thresholds[-1]}"
    return " and ".join(map(str, thresholds))
