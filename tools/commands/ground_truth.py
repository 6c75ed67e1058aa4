"""Reads the sequences of a ground-truth folder for commands, and warns about missing files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from stages.errors import ConfigError
from tools.console.terminal import activity

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
    with activity("reading annotations"):
        chosen, others = _chosen(benchmark, folder, only, lengths)
    refuse_unknown_lengths(chosen)
    return chosen, others


def read_tracking_truth(
    benchmark: Benchmark,
    folder: Path,
    only: Sequence[str] | None = None,
    lengths: Sequence[str] | None = None,
) -> tuple[list[GroundTruth], list[str]]:
    """Reads the sequences to score tracks on, and warns about those without ignored regions.

    Args:
        benchmark: Format of the ground truth.
        folder: Ground-truth folder.
        only: Names of the sequences; None for all.
        lengths: As for `read_sequences`.

    Returns:
        The sequences, and the names of the others.

    Raises:
        ConfigError: See `read_ground_truths`; or an unknown sequence.
    """
    from tools.annotations.uavdt import IGNORED_SUFFIX, missing_files

    truths, others = _chosen(benchmark, folder, only, lengths)
    warn_of_missing(folder, missing_files(truths, [IGNORED_SUFFIX]))
    return truths, others


def refuse_unknown_lengths(truths: Sequence[GroundTruth]) -> None:
    """Refuses sequences whose length neither the ground truth nor ``--frames`` gives.

    Raises:
        ConfigError: There is such a sequence.
    """
    for truth in truths:
        if truth.frame_count == 0:
            raise ConfigError(
                f"sequence {truth.name} has no ground truth at all; say how many frames it "
                f"has: --frames {truth.name}=N"
            )


def warn_of_missing(folder: Path, missing: Mapping[str, Sequence[str]]) -> None:
    """Warns about sequences that lack a ground-truth file, and says what applies instead.

    Args:
        folder: Ground-truth folder.
        missing: Names of sequences by the suffix of the missing file.
    """
    from tools.annotations.uavdt import INSTEAD

    for suffix, names in missing.items():
        typer.echo(
            f"{folder}: no {suffix} for {', '.join(names)}; {INSTEAD[suffix]} there", err=True
        )


def _chosen(
    benchmark: Benchmark, folder: Path, only: Sequence[str] | None, lengths: Sequence[str] | None
) -> tuple[list[GroundTruth], list[str]]:
    """See `read_sequences`; frame counts are those of ``lengths``, where it has them.

    Raises:
        ConfigError: See `tools.annotations.ground_truths.read_ground_truths`; or ``only`` or
            ``lengths`` has an unknown sequence, or ``lengths`` a frame count below the annotated
            one.
    """
    from stages.number_table import MAX_FRAME

    by_name, unread = _read_annotated(benchmark, folder, only, lengths)
    for text in lengths or []:
        name, _, number = text.rpartition("=")
        good = name in by_name and number.isdecimal()
        if not good or not by_name[name].frame_count <= int(number) <= MAX_FRAME:
            raise ConfigError(
                f"--frames needs NAME=N with a sequence of {folder} and no fewer frames "
                f"than are annotated, got {text!r}"
            )
        by_name[name] = replace(by_name[name], frame_count=int(number))
    for name in only or []:
        if name not in by_name:
            raise ConfigError(
                f"no sequence {name!r} in {folder}; there are {', '.join(sorted(by_name))}"
            )
    chosen = [truth for name, truth in by_name.items() if not only or name in only]
    return chosen, [*unread, *(name for name in by_name if only and name not in only)]


def _read_annotated(
    benchmark: Benchmark, folder: Path, only: Sequence[str] | None, lengths: Sequence[str] | None
) -> tuple[dict[str, GroundTruth], list[str]]:
    """Returns ground truth by name, with annotated frame counts, and names that were not read.

    UA-DETRAC's annotations are slow to read: only those named in ``only`` and ``lengths``
    (``NAME=N``) are read, if they can be identified by their file names.
    """
    from tools.annotations.detrac import read_detrac_ground_truth
    from tools.annotations.ground_truths import annotation_files, read_ground_truths
    from tools.annotations.mot_file import without_truth
    from tools.datasets.detrac import annotated_sequence

    if benchmark == "detrac" and only:
        wanted = {*only, *(text.rpartition("=")[0] for text in lengths or [])}
        files = annotation_files(folder, ".xml")
        by_name = {annotated_sequence(file): file for file in files}
        if len(by_name) == len(files) and wanted <= by_name.keys():
            truths = {name: read_detrac_ground_truth(by_name[name]) for name in sorted(wanted)}
            if all(truth.name == name for name, truth in truths.items()):
                return truths, sorted(by_name.keys() - wanted)
    truths = {truth.name: truth for truth in read_ground_truths(benchmark, folder)}
    unread = without_truth(folder) if benchmark == "mot" else []
    if unread and not only:
        typer.echo(f"{folder}: no gt/gt.txt for {', '.join(unread)}; left out", err=True)
    return truths, unread
