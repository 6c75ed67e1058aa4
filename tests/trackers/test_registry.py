from __future__ import annotations

from typing import get_type_hints

import numpy as np
import pytest

from trackers import TRACKERS, Sort, Tracker, build_tracker, default_settings


def test_builds_a_tracker_with_its_settings() -> None:
    tracker = build_tracker("sort", max_age=7)
    assert isinstance(tracker, Sort)
    assert (tracker.max_age, tracker.min_hits) == (7, 3)


def test_lists_the_settings_with_their_defaults() -> None:
    assert default_settings("sort") == {
        "max_age": 1,
        "min_hits": 3,
        "iou_threshold": 0.3,
        "min_score": -1e9,
    }


@pytest.mark.parametrize("name", sorted(TRACKERS))
def test_every_tracker_has_defaults_of_its_types(name: str) -> None:
    assert isinstance(build_tracker(name), Tracker)
    types = get_type_hints(TRACKERS[name].__init__)
    for setting, default in default_settings(name).items():
        assert isinstance(default, types[setting])


def test_an_unknown_tracker_is_refused_with_the_list() -> None:
    with pytest.raises(ValueError, match=r"unknown tracker 'sorted'; the trackers are .*sort"):
        build_tracker("sorted")


def test_an_unknown_setting_is_refused_with_the_list() -> None:
    with pytest.raises(
        ValueError, match="'sort' has no setting 'max_ages'; its settings are max_age, min_hits"
    ):
        build_tracker("sort", max_ages=3)


def test_a_bad_value_is_refused() -> None:
    with pytest.raises(ValueError, match="max_age must be a whole number"):
        build_tracker("sort", max_age="many")


def test_values_may_be_numpy_scalars() -> None:
    settings = {"max_age": np.int64(3), "iou_threshold": np.float32(0.5), "min_score": np.int8(0)}
    tracker = build_tracker("sort", **settings)
    assert isinstance(tracker, Sort)
    assert (tracker.max_age, tracker.iou_threshold, tracker.min_score) == (3, 0.5, 0.0)
    assert type(tracker.max_age) is int
    assert build_tracker("spottrack", estimate_camera=np.False_)
    with pytest.raises(ValueError, match="max_age must be a whole number of at least 0, got True"):
        build_tracker("sort", max_age=np.True_)
