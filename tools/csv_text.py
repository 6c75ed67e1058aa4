"""CSV files."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Mapping, Sequence
from typing import Any


def as_csv(lines: Sequence[Mapping[str, object]]) -> str:
    """Returns lines as CSV; non-finite values and columns that a line lacks are left empty."""
    text = io.StringIO()
    columns = dict.fromkeys(key for line in lines for key in line)
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(map(finite_or_none, lines))
    return text.getvalue()


def finite_or_none(value: Any) -> Any:
    """Replaces NaN and infinity by None, also within mappings, lists and tuples."""
    if isinstance(value, Mapping):
        return {key: finite_or_none(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [finite_or_none(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
