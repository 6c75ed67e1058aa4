"""Results that are summed over sequences."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Self


@dataclass(frozen=True, slots=True, eq=False)  # each subclass says whether its fields compare
class Summed:
    """A dataclass of results that are added field by field."""

    def __add__(self, other: Self) -> Self:
        names = [each.name for each in fields(self)]
        return type(self)(*(getattr(self, name) + getattr(other, name) for name in names))


@dataclass(frozen=True, slots=True)
class MatchCounts(Summed):
    """Numbers of matched and unmatched boxes; a ratio whose denominator is 0 is 0.

    Attributes:
        true_positives: Matched boxes.
        false_positives: Result boxes without a match.
        false_negatives: Ground-truth boxes without a match.
    """

    true_positives: int = 0
    false_positives: int = 0
    false_negatives: int = 0

    @property
    def precision(self) -> float:
        """Fraction of result boxes that are matched."""
        return self.true_positives / max(1, self.true_positives + self.false_positives)

    @property
    def recall(self) -> float:
        """Fraction of ground-truth boxes that are matched."""
        return self.true_positives / max(1, self.true_positives + self.false_negatives)
