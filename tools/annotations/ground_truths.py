"""The sequences of a ground-truth folder, in any of the formats."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Literal, TypeAlias

from stages.errors import ConfigError
from tools.annotations.detrac import read_detrac_ground_truth
from tools.annotations.ground_truth import GroundTruth
from tools.annotations.mot_file import mot_sequences, read_mot_ground_truth
from tools.annotations.uavdt import (
    IGNORED_SUFFIX,
    OBJECTS_SUFFIX,
    TRACKS_SUFFIX,
    read_uavdt_ground_truth,
)

Benchmark: TypeAlias = Literal["detrac", "uavdt", "mot"]

_FILES: dict[Benchmark, str] = {
    "detrac": "*.xml",
    "uavdt": f"*{TRACKS_SUFFIX}",
    "mot": "*/gt/gt.txt",
}

# Minimum IoU of a match for CLEAR and IDF1.
IOU_THRESHOLDS: dict[Benchmark, float] = {"detrac": 0.7, "uavdt": 0.5, "mot": 0.5}


def read_ground_truths(benchmark: Benchmark, folder: Path) -> list[GroundTruth]:
    """Reads every sequence of ``folder``, sorted by name.

    Args:
        benchmark: ``detrac`` (``NAME.xml``), ``uavdt`` (``NAME_gt.txt`` and others), or ``mot``
            (``NAME/gt/gt.txt`` or ``NAME.txt``).
        folder: Ground-truth folder.

    Raises:
        ConfigError: The folder is missing or has no sequence, or a file is malformed; the message
            names file and line.
    """
    if not folder.is_dir():
        raise ConfigError(f"ground truth {folder} is not a folder")
    if benchmark == "detrac":
        truths = [read_detrac_ground_truth(file) for file in annotation_files(folder, ".xml")]
    elif benchmark == "uavdt":
        # Any of its files names a sequence: one that lacks a file must not be skipped silently.
        suffixes = (TRACKS_SUFFIX, OBJECTS_SUFFIX, IGNORED_SUFFIX)
        names = {
            file.name.removesuffix(packed).removesuffix(suffix)
            for suffix in suffixes
            for packed in ("", ".gz")
            for file in annotation_files(folder, suffix + packed)
        }
        truths = [read_uavdt_ground_truth(folder, name) for name in sorted(names)]
    else:
        truths = [read_mot_ground_truth(file, name) for name, file in mot_sequences(folder)]
    if not truths:
        others = [
            other
            for other, pattern in _FILES.items()
            if other != benchmark and any(folder.glob(pattern))
        ]
        also = " and no *.txt" if benchmark == "mot" else ""
        hint = f"; its files are those of {others[0]}" if others else ""
        raise ConfigError(f"ground truth folder {folder} has no {_FILES[benchmark]}{also}{hint}")
    truths.sort(key=lambda truth: truth.name)
    for first, second in pairwise(truths):
        if first.name == second.name:
            raise ConfigError(f"{folder} holds two files for sequence {first.name}")
    return truths


def annotation_files(folder: Path, suffix: str) -> list[Path]:
    """Returns the files whose name ends with ``suffix``, without hidden ones, which macOS adds."""
    files = folder.glob(f"*{suffix}")
    return sorted(file for file in files if not file.name.startswith("."))
