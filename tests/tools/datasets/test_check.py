from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.tools.datasets.conftest import make_sample, write_image
from tools.datasets.check import summarize, unreadable_images
from tools.datasets.sample import DataSet, Problem, ProblemKind, Sample


@pytest.fixture
def sample(tmp_path: Path) -> Sample:
    """An image with a box."""
    return make_sample(write_image(tmp_path / "a.png"), (0, 0, 10, 10))


def data_set(samples: list[Sample], problems: list[Problem] | None = None) -> DataSet:
    return DataSet("set", Path("set"), "coco", samples, problems or [])


def test_masks_are_decoded_like_images(sample: Sample, tmp_path: Path) -> None:
    small, broken = write_image(tmp_path / "small.png", 48, 27), tmp_path / "broken.png"
    broken.write_text("no image")
    found = unreadable_images([replace(sample, mask=mask) for mask in (small, broken)])
    assert [problem.kind for problem in found] == [
        ProblemKind.WRONG_SIZE,
        ProblemKind.UNREADABLE_IMAGE,
    ]
    assert found[0].location == f"{small}: 48x27, annotated 96x54"


def test_half_hidden_vehicle_is_not_mostly_hidden(sample: Sample) -> None:
    """UAVDT's code for medium occlusion means half."""
    shares = [np.array([share], np.float32) for share in (0.5, 0.51)]
    samples = [replace(sample, hidden=hidden) for hidden in shares]
    assert summarize(data_set(samples), 0, []).total.hidden_boxes == 1


def test_the_most_frequent_problem_comes_first(sample: Sample) -> None:
    kinds = [ProblemKind.BOX_CUT, ProblemKind.FLAT_BOX, ProblemKind.FLAT_BOX]
    problems = [Problem(kind, "a") for kind in kinds]
    assert list(summarize(data_set([sample], problems), 0, []).problems) == [
        ProblemKind.FLAT_BOX,
        ProblemKind.BOX_CUT,
    ]


def test_ignored_regions_apply_to_their_own_image(sample: Sample) -> None:
    regions = [np.array([(left, 0, left + 48, 54)], np.float32) for left in (48, 0)]
    samples = [replace(sample, ignored=ignored) for ignored in regions]
    total = summarize(data_set([*samples, sample]), 0, []).total
    assert (total.ignored_boxes, total.ignored_share) == (1, pytest.approx(1 / 3))
