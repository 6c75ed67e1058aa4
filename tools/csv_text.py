"""CSV files."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Mapping, Sequence
from typing import Any


def as_csv(lines: Sequence[Mapping[str, object]]) -> str:
    """Returns lines as CSV; a value that is NaN is empty, as is a column that a line lacks."""
    text = io.StringIO()
    columns = dict.fromkeys(key for line in lines for key in line)
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(map(without_nan, lines))
    return text.getvalue()


def without_nan(value: Any) -> Any:
    """Returns a value with None for NaN, in mappings, too."""
    if isinstance(value, Mapping):
        return {key: without_nan(each) for key, each in value.items()}
    return None if isinstance(value, float) and math.isnan(value) else value
