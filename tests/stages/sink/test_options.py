from __future__ import annotations

import pytest

from stages.errors import ConfigError
from stages.sink.options import SinkOptions


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("overlay_crf", 52),
        ("overlay_preset", "placebo"),
        ("overlay_height", 63),
        ("overlay_hardware", "cuda"),
        ("overlay_min_score", 1.5),
        ("overlay_trail", -1),
        ("zone_stay_seconds", -1),
    ],
)
def test_errors_name_the_option_and_the_value(name: str, value: object) -> None:
    with pytest.raises(ConfigError, match=f"{name} must .*{value}"):
        SinkOptions(**{name: value})  # type: ignore[arg-type]
