"""A config whose tracker is replaced by the tuned one."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.config_file import load_config
from tools.tuning.tune import TuningResult, with_tracker


def test_a_config_without_a_tracker_gets_one() -> None:
    result = TuningResult("sort", {}, {"max_age": 9, "min_hits": 3}, {}, {})
    assert with_tracker("detector:\n  scale: 1.0\n", result) == (
        "detector:\n  scale: 1.0\ntracker:\n  name: sort\n  settings:\n    max_age: 9\n"
    )
    result = TuningResult("spottrack", {}, {"estimate_camera": False}, {}, {})
    assert with_tracker("", result).endswith("    estimate_camera: false\n")


def test_comments_before_the_next_section_are_kept() -> None:
    result = TuningResult("sort", {}, {"max_age": 9}, {}, {})
    below = "\n# What is written.\nsink:\n  overlay: false\n"
    tracker = "tracker:\n  name: spottrack\n  settings:\n# mine\n\n    min_hits: 1\n"
    assert with_tracker(tracker + below, result) == (
        "tracker:\n  name: sort\n  settings:\n    max_age: 9\n" + below
    )


@pytest.mark.parametrize(
    "config",
    [
        "tracker: {name: sort, settings: {\n  max_age: 1\n}}\nsink:\n  overlay: false\n",
        '{"tracker": {"name": "sort"}, "sink": {"overlay": false}}',
        '"tracker":\n  name: sort\nsink:\n  overlay: false\n',
    ],
)
def test_trackers_in_other_yaml_styles_are_replaced(tmp_path: Path, config: str) -> None:
    result = TuningResult("bytetrack", {}, {"max_age": 9}, {}, {})
    (tmp_path / "tuned.yaml").write_text(with_tracker(config, result))
    tuned = load_config(tmp_path / "tuned.yaml")
    assert (tuned.tracker.name, tuned.tracker.settings, tuned.sink.overlay) == (
        "bytetrack",
        {"max_age": 9},
        False,
    )
