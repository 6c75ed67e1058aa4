"""JSON and CSV files that people and programs read."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any


def as_json(content: object) -> str:
    """Returns indented JSON that ends in a line feed; non-finite numbers become null."""
    return json.dumps(_finite_or_none(content), indent=2, allow_nan=False) + "\n"


def as_csv(lines: Sequence[Mapping[str, object]], headings: Iterable[str] = ()) -> str:
    """Returns lines as CSV; non-finite values and columns that a line lacks are left empty.

    Args:
        lines: The lines, by heading.
        headings: The first columns, whether or not any line has them.
    """
    text = io.StringIO()
    columns = dict.fromkeys([*headings, *(key for line in lines for key in line)])
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(map(_finite_or_none, lines))
    return text.getvalue()


def _finite_or_none(value: Any) -> Any:
    """Replaces NaN and infinity by None, also within mappings, lists and tuples."""
    if isinstance(value, Mapping):
        return {key: _finite_or_none(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_finite_or_none(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
