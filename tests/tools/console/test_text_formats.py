from __future__ import annotations

import json
import math

import pytest

from tools.console.text_formats import as_json


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_non_finite_values_become_null(value: float) -> None:
    text = as_json({"AP": value, "rounds": (0.5, value), "folds": [{"MOTA": value}]})
    assert json.loads(text, parse_constant=pytest.fail) == {
        "AP": None,
        "rounds": [0.5, None],
        "folds": [{"MOTA": None}],
    }


def test_json_ends_in_a_line_feed() -> None:
    assert as_json({"sort": {"HOTA": 0.5}}) == '{\n  "sort": {\n    "HOTA": 0.5\n  }\n}\n'
