"""Text files of comma-separated numbers: detections, results, ground truth."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from stages.errors import ConfigError, reason_of
from stages.records import BoolArray, Float64Array, Int64Array

MAX_FLOAT32 = float(np.finfo(np.float32).max)
MAX_FRAME = 10_000_000  # a misread column must not start a run that takes years
SUFFIXES = (".txt", ".txt.gz")
# Columns that detections, tracks and ground truth share.
IDENTITY, LEFT, WIDTH, HEIGHT = 1, 2, 4, 5


class BeyondSequenceError(ConfigError):
    """A row refers to a frame beyond the end of its sequence."""


@dataclass(frozen=True, slots=True, eq=False)
class NumberTable:
    """The numbers in a file, with its lines, so that errors can name the line.

    Attributes:
        path: The file.
        values: ``(N, C)`` float64, finite, one row for each line that is not blank.
    """

    path: Path
    values: Float64Array
    _lines: list[str]

    @classmethod
    def read(cls, path: Path, min_columns: int, kind: str, line: str = "") -> NumberTable:
        """Reads ``path``, decompressing it if its name ends in ``.gz``.

        Args:
            path: The file.
            min_columns: Minimum number of columns; a table without lines has this many.
            kind: What the file holds, for messages.
            line: What a line looks like, for messages.

        Raises:
            ConfigError: The file cannot be read; a line differs from the first in its number of
                columns, or has a value that is not a finite 32-bit number (line named).
        """
        lines = _text(path, kind).splitlines()
        filled = [line for line in lines if line.strip()]
        if not filled:
            return cls(path, np.empty((0, min_columns)), lines)
        try:
            values = np.loadtxt(filled, delimiter=",", comments=None, ndmin=2)
        except ValueError as error:
            raise _first_fault(path, lines, min_columns, line, str(error)) from None
        if values.shape[1] < min_columns or not (np.abs(values) <= MAX_FLOAT32).all():
            raise _first_fault(path, lines, min_columns, line, "malformed")
        return cls(path, values, lines)

    def reject(
        self,
        bad: BoolArray,
        reason: Callable[[Float64Array], str],
        kind: type[ConfigError] = ConfigError,
    ) -> None:
        """Raises for the first row where ``bad`` ``(N,)`` is True.

        Args:
            bad: Which rows are wrong.
            reason: Returns the message for a wrong row ``(C,)``.
            kind: Class of the error.

        Raises:
            ConfigError: A row is wrong; the message starts with file and line.
        """
        if bad.any():
            row = int(bad.argmax())
            raise self.fault(row, reason(self.values[row]), kind)

    def fault(self, row: int, reason: str, kind: type[ConfigError] = ConfigError) -> ConfigError:
        """Returns the error for a row; its message starts with file and line."""
        numbers = [number for number, line in enumerate(self._lines, 1) if line.strip()]
        return kind(f"{self.path}:{numbers[row]}: {reason}")

    def reject_gaps(self, reason: str) -> None:
        """Raises for the first blank line that has a row after it; for rows that have no number.

        Raises:
            ConfigError: There is such a line; the message is file, line and ``reason``.
        """
        for number, line in enumerate(self._lines[: len(self.values)], 1):
            if not line.strip():
                raise ConfigError(f"{self.path}:{number}: {reason}")

    def only(self, kept: BoolArray) -> NumberTable:
        """Returns the rows where ``kept`` ``(N,)`` is True, with their line numbers in the file."""
        lines = list(self._lines)
        filled = [number for number, line in enumerate(lines) if line.strip()]
        for row in np.flatnonzero(~kept):
            lines[filled[row]] = ""
        return NumberTable(self.path, self.values[kept], lines)

    def frame_indices(self, frame_count: int | None = None) -> Int64Array:
        """Returns the 1-based frame numbers in the first column as 0-based indices ``(N,)``.

        Args:
            frame_count: Number of frames in the sequence, if known.

        Raises:
            ConfigError: A frame number is invalid (line named).
            BeyondSequenceError: A frame is beyond the sequence (line named).
        """
        frames = self.values[:, 0]
        self.reject(
            ~((frames >= 1) & (frames <= MAX_FRAME) & (frames == np.floor(frames))),
            lambda row: f"frame must be a whole number from 1 to {MAX_FRAME}, got {row[0]:.15g}",
        )
        if frame_count is not None:
            self.reject(
                frames > frame_count,
                lambda row: f"frame {row[0]:.0f} lies beyond the sequence of {frame_count} frames",
                BeyondSequenceError,
            )
        return frames.astype(np.int64) - 1


def _text(path: Path, kind: str) -> str:
    try:
        data = path.read_bytes()
        if path.suffix == ".gz":
            data = gzip.decompress(data)
        return data.decode("utf-8-sig")
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise ConfigError(f"cannot read {kind} {path}: broken gzip data") from error
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot read {kind} {path}: {reason_of(error)}") from error


def _first_fault(
    path: Path, lines: list[str], min_columns: int, expected: str, otherwise: str
) -> ConfigError:
    """Returns the error for the first malformed line; slow, so used only when one exists."""
    columns = 0
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        fields = [field.strip() for field in line.split(",")]
        columns = columns or len(fields)
        if len(fields) < min_columns:
            fault = f"expected at least {min_columns} columns, got {len(fields)}"
            if len(fields) == 1:
                fault += "; columns are separated by commas"
        elif len(fields) != columns:
            fault = f"expected {columns} columns as in the lines before, got {len(fields)}"
        else:
            bad = [i for i, field in enumerate(fields) if not _is_number(field)]
            if not bad:
                continue
            fault = (
                f"column {bad[0] + 1} must be a finite number of 32 bits, got {fields[bad[0]]!r}"
            )
        layout = f"; a line is {expected}" if expected else ""
        return ConfigError(f"{path}:{number}: {fault}{layout}")
    return ConfigError(f"{path}: {otherwise}")


def _is_number(field: str) -> bool:
    try:
        return "_" not in field and abs(float(field)) <= MAX_FLOAT32  # only Python accepts 1_000
    except ValueError:
        return False
