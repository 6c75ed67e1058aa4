"""Reads YOLO label files: one line of text for each object."""

from __future__ import annotations

from pathlib import Path

from stages.errors import ConfigError, reason_of
from tools.datasets.folder_tree import IMAGES
from tools.datasets.sample import Problem, ProblemKind

LABELS = "labels"
MAX_SHARE = 1.01  # above 1 to allow for rounding; larger values are pixels
_BOX_COLUMNS = 5


def label_file(image: Path) -> Path:
    """Returns the label file of an image: the last ``images`` in its path becomes ``labels``."""
    parts = list(image.with_suffix(".txt").parts)
    for position in range(len(parts) - 2, -1, -1):
        if parts[position] == IMAGES:
            parts[position] = LABELS
            break
    return Path(*parts)


def read_labels(
    file: Path, problems: list[Problem], keypoint_columns: int = 0
) -> tuple[list[int], list[tuple[float, float, float, float]], list[int]]:
    """Returns the class, box ltrb in shares of the image, and line number of each object of a file.

    Lines are ``class cx cy width height`` in shares of the image, or a polygon ``class x1 y1 x2 y2
    x3 y3 …``, whose bounding box is used. All other lines are added to ``problems``.

    Args:
        file: The label file.
        problems: List to which lines that cannot be read are added.
        keypoint_columns: Number of values after each box that describe its keypoints; they are
            skipped. If it is not 0, polygons are not accepted.

    Raises:
        ConfigError: The file cannot be read.
    """
    numbers, boxes, lines = [], [], []
    try:
        rows = file.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot read {file}: {reason_of(error)}") from error
    for line, row in enumerate(rows, 1):
        fields = row.split()
        if not fields:
            continue
        try:
            number = float(fields[0])
            box = _box([float(field) for field in fields[1:]], keypoint_columns)
            if not number.is_integer():
                raise ValueError(f"class {fields[0]} is not a whole number")
        except ValueError as error:
            problems.append(Problem(ProblemKind.UNREADABLE_ROW, f"{file}:{line}: {error}"))
            continue
        numbers.append(int(number))
        boxes.append(box)
        lines.append(line)
    return numbers, boxes, lines


def _box(values: list[float], keypoint_columns: int) -> tuple[float, float, float, float]:
    if keypoint_columns:
        columns = _BOX_COLUMNS + keypoint_columns
        if len(values) + 1 != columns:
            raise ValueError(f"expected {columns} columns by kpt_shape, got {len(values) + 1}")
        values = values[: _BOX_COLUMNS - 1]
    if len(values) != _BOX_COLUMNS - 1 and (len(values) < 6 or len(values) % 2):
        raise ValueError(f"expected {_BOX_COLUMNS} columns or a polygon, got {len(values) + 1}")
    if not all(-MAX_SHARE < value <= MAX_SHARE for value in values):
        raise ValueError("coordinates must be shares of the image, from 0 to 1")
    if len(values) == _BOX_COLUMNS - 1:
        x, y, width, height = values
        return x - width / 2, y - height / 2, x + width / 2, y + height / 2
    return min(values[::2]), min(values[1::2]), max(values[::2]), max(values[1::2])
