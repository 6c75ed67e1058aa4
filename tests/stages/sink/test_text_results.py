from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from stages.errors import OutputError
from stages.sink.text_results import TextResults
from tests.stages.sink.conftest import make_header, make_tracks, names_in


def write(texts: TextResults, numbers: range) -> None:
    for number in numbers:
        boxes = [[number, 20, number + 30, 50], [60, 60, 90, 80]]
        texts.write(make_tracks(make_header(number - 1), boxes, [2, 1], [0.7, 0.9]), number)


def rows(path: Path) -> list[list[float]]:
    return np.loadtxt(path, delimiter=",").tolist()


def test_rows_are_with_the_system_when_write_returns(tmp_path: Path) -> None:
    texts = TextResults(tmp_path / "cam")
    write(texts, range(1, 4))
    tracks = rows(texts.tracks.part)
    assert [row[:2] for row in tracks] == [[frame, i] for frame in (1, 2, 3) for i in (1, 2)]
    detections = rows(texts.detections.part)
    assert detections[:2] == [[1, 1, 60, 60, 30, 20, 0.9], [1, 2, 1, 20, 30, 30, 0.7]]
    assert texts.sizes == tuple(file.part.stat().st_size for file in texts.files)


def test_what_came_after_the_sizes_is_written_anew(tmp_path: Path) -> None:
    first = TextResults(tmp_path)
    write(first, range(1, 4))
    sizes = first.sizes
    write(first, range(4, 9))  # its process dies now
    second = TextResults(tmp_path, sizes)
    write(second, range(4, 6))
    assert [row[0] for row in rows(second.tracks.part)] == [1, 1, 2, 2, 3, 3, 4, 4, 5, 5]


def test_where_one_cannot_be_opened_the_other_is_not_left(tmp_path: Path) -> None:
    (tmp_path / ".detections.txt.part").mkdir()
    with pytest.raises(OutputError, match=r"detections\.txt"):
        TextResults(tmp_path)
    assert names_in(tmp_path) == set()
