from __future__ import annotations

from pathlib import Path

import pytest

from stages.errors import OutputError
from stages.sink.retention import Retention
from tests.stages.sink.conftest import names_in

KILOBYTE = 1e-6  # in gigabytes


def make_pairs(folder: Path, count: int) -> list[tuple[Path, Path]]:
    pairs = [(folder / f"mot-{i}.txt", folder / f"detections-{i}.txt") for i in range(count)]
    for tracks, detections in pairs:
        tracks.write_bytes(bytes(400))
        detections.write_bytes(bytes(600))
    return pairs


def test_oldest_files_are_removed_and_this_is_reported_once(tmp_path: Path) -> None:
    messages: list[str] = []
    retention = Retention(4 * KILOBYTE, "tracks", messages.append)
    pairs = make_pairs(tmp_path, 4)
    assert retention.apply(pairs) == 0
    assert messages == []
    pairs = make_pairs(tmp_path, 6)
    assert retention.apply(pairs) == 2
    assert names_in(tmp_path) == {path.name for pair in pairs[2:] for path in pair}
    pairs[2][0].unlink()  # by somebody else
    assert retention.apply(pairs) == 0
    assert retention.apply([*pairs, *make_pairs(tmp_path, 1)]) == 3
    assert len(messages) == 1


def test_a_gigabyte_is_a_billion_bytes(tmp_path: Path) -> None:
    pairs = make_pairs(tmp_path, 4)
    pairs[-1][0].write_bytes(bytes(401))
    assert Retention(4 * KILOBYTE, "tracks", lambda message: None).apply(pairs) == 1


def test_nothing_is_reported_if_the_files_were_already_gone(tmp_path: Path) -> None:
    messages: list[str] = []
    pairs = make_pairs(tmp_path, 2)
    for path in pairs[0]:
        path.unlink()
    Retention(KILOBYTE / 2, "tracks", messages.append).apply(pairs)
    assert messages == []


@pytest.mark.parametrize(("gigabytes", "left"), [(0, 4), (KILOBYTE / 1000, 1)])
def test_no_limit_and_a_limit_below_a_single_file(
    tmp_path: Path, gigabytes: float, left: int
) -> None:
    retention = Retention(gigabytes, "tracks", lambda message: None)
    assert retention.apply(make_pairs(tmp_path, 4)) == 4 - left
    assert len(names_in(tmp_path)) == 2 * left
    assert retention.apply([]) == 0


def test_failed_removal_is_reported(tmp_path: Path) -> None:
    folder = tmp_path / "mot.txt"
    (folder / "x").mkdir(parents=True)
    latest = tmp_path / "mot-2.txt"
    latest.write_bytes(bytes(2000))
    retention = Retention(KILOBYTE, "tracks", lambda message: None)
    with pytest.raises(OutputError, match=r"mot\.txt"):
        retention.apply([(folder,), (latest,)])
