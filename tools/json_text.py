"""JSON files that people and programs read."""

from __future__ import annotations

import json

from tools.csv_text import finite_or_none


def as_json(content: object) -> str:
    """Returns indented JSON that ends in a line feed; non-finite numbers become null."""
    return json.dumps(finite_or_none(content), indent=2, allow_nan=False) + "\n"
