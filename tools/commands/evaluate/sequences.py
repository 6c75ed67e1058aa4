"""Which sequences of a ground-truth folder are scored."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from stages.errors import ConfigError
from tools.commands.ground_truth import choose_sequences, read_by_name
from tools.terminal import activity

if TYPE_CHECKING:
    from tools.annotations.ground_truth import GroundTruth
    from tools.annotations.ground_truths import Benchmark


def read_sequences(
    benchmark: Benchmark, folder: Path, only: Sequence[str] | None, lengths: Sequence[str] | None
) -> tuple[list[GroundTruth], list[str]]:
    """Returns the ground truth of the chosen sequences, and the names of the others.

    Args:
        benchmark: Format of the ground truth.
        folder: Ground-truth folder.
        only: Names of the sequences; None for all.
        lengths: ``NAME=N``, frame counts of sequences longer than the ground truth indicates.

    Raises:
        ConfigError: See `read_ground_truths`; or an unknown sequence, or one of unknown length.
    """
    from stages.number_table import MAX_FRAME

    with activity("reading annotations"):
        by_name, unread = read_by_name(benchmark, folder, only, lengths)
    for text in lengths or []:
        name, _, number = text.rpartition("=")
        good = name in by_name and number.isdecimal()
        if not good or not by_name[name].frame_count <= int(number) <= MAX_FRAME:
            raise ConfigError(
                f"--frames needs NAME=N with a sequence of {folder} and no fewer frames "
                f"than are annotated, got {text!r}"
            )
        by_name[name] = replace(by_name[name], frame_count=int(number))
    chosen, others = choose_sequences(by_name, folder, only)
    for truth in chosen:
        if truth.frame_count == 0:
            raise ConfigError(
                f"sequence {truth.name} has no ground truth at all; say how many frames it "
                f"has: --frames {truth.name}=N"
            )
    return chosen, unread + others
