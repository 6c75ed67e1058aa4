"""CSV files."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Mapping, Sequence


def as_csv(lines: Sequence[Mapping[str, object]]) -> str:
    """Returns lines as CSV; a value that is NaN is empty, as is a column that a line lacks."""
    text = io.StringIO()
    columns = dict.fromkeys(key for line in lines for key in line)
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows({key: _without_nan(value) for key, value in line.items()} for line in lines)
    return text.getvalue()


def _without_nan(value: object) -> object:
    return None if isinstance(value, float) and math.isnan(value) else value
