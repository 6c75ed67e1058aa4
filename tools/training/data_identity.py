"""What tells the data of a training run from other data in the same place."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass

from stages.wording import counted
from tools.datasets.sample import Sample
from tools.training.data import TrainingData


@dataclass(frozen=True, slots=True)
class DataIdentity:
    """Which images are trained on and held out, and how many boxes each has.

    Attributes:
        training: Number of training images.
        validation: Number of held-out images.
        digest: SHA-256 of their paths and numbers of boxes, in hexadecimal digits.
    """

    training: int
    validation: int
    digest: str

    @classmethod
    def of(cls, data: TrainingData) -> DataIdentity:
        """Identifies the data that a training config names."""
        training = [sample for sample, _ in data.training]
        held = [sample for _, samples in data.validation.values() for sample in samples]
        lines = sorted([*_lines("training", training), *_lines("held out", held)])
        digest = hashlib.sha256(os.fsencode("\n".join(lines))).hexdigest()
        return cls(len(training), len(held), digest)

    def counts(self) -> str:
        """Returns the numbers of images, for a message."""
        return f"{self.training} training and {counted(self.validation, 'validation image')}"


def _lines(part: str, samples: Sequence[Sample]) -> list[str]:
    return [f"{part} {len(sample.boxes)} {sample.path}" for sample in samples]
