"""The log of a training run: always CSV, and TensorBoard if installed."""

from __future__ import annotations

import csv
import io
import logging
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from stages.atomic import write_atomically, writing
from stages.extras import install_hint

LOSSES = "log.csv"
SCORES = "validation.csv"
CURVES = "tensorboard"
EVENTS = f"{CURVES}/events.out.tfevents.*"

log = logging.getLogger(__name__)


class TrainingLog:
    """Writes ``log.csv`` (losses) and ``validation.csv``, and the same to TensorBoard.

    A resumed run appends to existing files, after removing rows of steps that are repeated.

    Args:
        folder: Folder of the files.
        first_step: Number of steps already done.

    Raises:
        OutputError: A file cannot be written; also raised by the methods that write.
    """

    def __init__(self, folder: Path, first_step: int = 0) -> None:
        self._folder = folder
        self._first_step = first_step
        self._tensorboard = _tensorboard(folder, first_step)
        self._columns: dict[str, list[str]] = {}

    def __enter__(self) -> TrainingLog:
        return self

    def __exit__(self, *_: object) -> None:
        if self._tensorboard is not None:
            with writing(self._folder / CURVES):
                self._tensorboard.close()

    def losses(self, step: int, seconds: float, values: Mapping[str, float]) -> None:
        """Writes a row of ``log.csv``: loss terms after ``step``, ``seconds`` after the start."""
        self._write(LOSSES, step, {"seconds": f"{seconds:.0f}"} | _digits(values))
        self._scalars("loss", step, values)

    def scores(self, step: int, scores: Mapping[str, Mapping[str, float]]) -> None:
        """Writes a row of ``validation.csv``: AP by data set."""
        flat = {
            f"{name}.{key}": value for name, each in scores.items() for key, value in each.items()
        }
        self._write(SCORES, step, _digits(flat))
        self._scalars("validation", step, flat)

    def has_scores(self, step: int) -> bool:
        """Returns whether ``validation.csv`` already had a row of ``step`` when the run resumed."""
        if not 0 < step <= self._first_step:
            return False
        return any(row[:1] == [str(step)] for row in _complete_rows(self._folder / SCORES))

    def _write(self, name: str, step: int, values: Mapping[str, str]) -> None:
        path = self._folder / name
        with writing(path):
            if name not in self._columns:
                self._columns[name] = ["step", *values]
                kept = _rows_until(path, self._first_step, self._columns[name])
                write_atomically(path, _lines([self._columns[name], *kept]))
            with path.open("a", encoding="utf-8") as file:
                file.write(_lines([[str(step), *values.values()]]))

    def _scalars(self, group: str, step: int, values: Mapping[str, float]) -> None:
        if self._tensorboard is not None:
            with writing(self._folder / CURVES):
                for name, value in values.items():
                    self._tensorboard.add_scalar(f"{group}/{name}", value, step)


def _digits(values: Mapping[str, float]) -> dict[str, str]:
    return {name: f"{value:.6g}" for name, value in values.items()}


def _rows_until(path: Path, step: int, columns: list[str]) -> list[list[str]]:
    """Returns rows of an earlier run up to ``step``; none if its columns differ."""
    rows = _complete_rows(path) if step else []
    if not rows or rows[0] != columns:
        return []
    return [row for row in rows[1:] if row[0].isdigit() and int(row[0]) <= step]


def _complete_rows(path: Path) -> list[list[str]]:
    """Returns the header and the rows that were written to their end."""
    if not path.is_file():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.reader(line for line in file if line.endswith("\n")))
    return [row for row in rows if len(row) == len(rows[0])]


def _lines(rows: Iterable[Sequence[str]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()


def _tensorboard(folder: Path, first_step: int) -> Any:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        log.info("TensorBoard is not installed; for its log: %s", install_hint("train"))
        return None
    undone = first_step + 1 if first_step else 0  # events from this step on are written again
    with writing(folder / CURVES):
        return SummaryWriter(str(folder / CURVES), purge_step=undone)
