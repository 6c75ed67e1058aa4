"""Ground truth as commands read it: what it lacks is told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from tools.annotations.ground_truth import GroundTruth
    from tools.annotations.ground_truths import Benchmark


def read_tracks(benchmark: Benchmark, folder: Path) -> list[GroundTruth]:
    """Reads the sequences of a folder to score tracks, and tells which lack ignored regions.

    Raises:
        ConfigError: See `tools.annotations.ground_truths.read_ground_truths`.
    """
    from tools.annotations.ground_truths import read_ground_truths
    from tools.annotations.uavdt import IGNORED_SUFFIX, missing_files

    truths = read_ground_truths(benchmark, folder)
    tell_missing(folder, missing_files(truths, [IGNORED_SUFFIX]))
    return truths


def tell_missing(folder: Path, missing: Mapping[str, Sequence[str]]) -> None:
    """Names the sequences that lack a file of the ground truth, and says what holds instead.

    Args:
        folder: Ground-truth folder.
        missing: Names of sequences by the suffix of the file.
    """
    from tools.annotations.uavdt import INSTEAD

    for suffix, names in missing.items():
        typer.echo(
            f"{folder}: no {suffix} for {', '.join(names)}; {INSTEAD[suffix]} there", err=True
        )
