"""All tracking scores, by their usual names."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from tools.evaluation.clear import ClearResult, Matches, clear_of_matches, match_boxes
from tools.evaluation.comparison import Comparison
from tools.evaluation.hota import HotaResult, hota
from tools.evaluation.identity import IdentityResult, identity
from tools.evaluation.sums import Summed


@dataclass(frozen=True, slots=True, eq=False)
class TrackingResult(Summed):
    """HOTA, CLEAR and IDF1 of one sequence or, summed, of several."""

    hota: HotaResult = field(default_factory=HotaResult)
    clear: ClearResult = field(default_factory=ClearResult)
    identity: IdentityResult = field(default_factory=IdentityResult)

    @property
    def scores(self) -> dict[str, float | int]:
        """Fractions and counts; IDS are id switches."""
        return {
            "HOTA": self.hota.hota,
            "DetA": self.hota.det_a,
            "AssA": self.hota.ass_a,
            "DetRe": self.hota.det_re,
            "DetPr": self.hota.det_pr,
            "AssRe": self.hota.ass_re,
            "AssPr": self.hota.ass_pr,
            "LocA": self.hota.loc_a,
            "MOTA": self.clear.mota,
            "MOTP": self.clear.motp,
            "IDF1": self.identity.f1,
            "IDP": self.identity.precision,
            "IDR": self.identity.recall,
            "TP": self.clear.true_positives,
            "FP": self.clear.false_positives,
            "FN": self.clear.false_negatives,
            "IDS": self.clear.id_switches,
            "Frag": self.clear.fragmentations,
            "MT": self.clear.mostly_tracked,
            "PT": self.clear.partly_tracked,
            "ML": self.clear.mostly_lost,
        }


def score_tracking(
    comparison: Comparison, iou_threshold: float = 0.5, matches: Matches | None = None
) -> TrackingResult:
    """Scores one sequence.

    Args:
        comparison: Ground truth and result.
        iou_threshold: Minimum IoU of a match for CLEAR and IDF1; HOTA averages over its own.
        matches: Matches of `match_boxes` at that threshold, if they are known.

    Raises:
        ValueError: The threshold lies outside (0, 1].
    """
    matches = matches or match_boxes(comparison, iou_threshold)
    return TrackingResult(
        hota(comparison),
        clear_of_matches(comparison, matches),
        identity(comparison, iou_threshold),
    )


def total(results: Iterable[TrackingResult]) -> TrackingResult:
    """Returns the results of all sequences combined, each box weighted equally."""
    return sum(results, TrackingResult())
