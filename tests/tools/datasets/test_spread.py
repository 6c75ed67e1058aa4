from __future__ import annotations

from pathlib import Path

from tests.tools.datasets.conftest import make_sample
from tools.datasets.sample import Sample
from tools.datasets.spread import spread_samples


def samples(*counts: int, boxes: int = 1) -> list[Sample]:
    """Returns scenes ``0``, ``1``, … with the given numbers of frames."""
    return [
        make_sample(Path(f"{frame}.jpg"), *[(1, 1, 9, 9)] * boxes, scene=str(scene), frame=frame)
        for scene, count in enumerate(counts)
        for frame in range(1, count + 1)
    ]


def frames(chosen: list[Sample]) -> list[tuple[str, int | None]]:
    return [(sample.scene, sample.frame) for sample in chosen]


def test_frames_of_a_scene_are_spread_apart() -> None:
    assert frames(spread_samples(samples(100), 2)) == [("0", 26), ("0", 76)]


def test_every_scene_gets_its_share() -> None:
    chosen = frames(spread_samples(samples(100, 2, 100), 8))
    assert [sum(scene == name for scene, _ in chosen) for name in "012"] == [3, 2, 3]


def test_scenes_are_spread_if_there_are_more_than_samples() -> None:
    assert frames(spread_samples(samples(*[3] * 10), 2)) == [("2", 2), ("7", 2)]


def test_all_samples_are_chosen_if_there_are_few() -> None:
    assert len(spread_samples(samples(2, 1), 99)) == 3


def test_samples_without_boxes_are_a_last_resort() -> None:
    mixed = [*samples(5, boxes=0), *samples(2)]
    assert [len(sample.boxes) for sample in spread_samples(mixed, 2)] == [1, 1]
    assert len(spread_samples(mixed, 7)) == 7
    assert len(spread_samples(samples(5, boxes=0), 3)) == 3
