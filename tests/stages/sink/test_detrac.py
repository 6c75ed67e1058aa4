from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from stages.sink.detrac import detection_rows, toolkit_paths, write_toolkit_matrices
from tests.stages.sink.conftest import committing, make_header, make_tracks

ROWS = (
    "2,7,1.50,2.00,3.00,4.00,0.9000,-1,-1,-1\n"
    "2,9,11.00,12.00,13.00,14.00,0.9000,-1,-1,-1\n"
    "4,7,5.00,6.00,7.25,8.00,0.9000,-1,-1,-1\n"
)


def write_matrices(mot: Path, folder: Path, name: str, fps: float, frames: int) -> None:
    with committing() as begin:
        write_toolkit_matrices(begin, mot, folder, name, fps, frames)


def test_detections_are_sorted_by_descending_score() -> None:
    tracks = make_tracks(
        make_header(4),
        [[0, 0, 1, 1], [10, 20, 30.5, 40], [2, 2, 3, 4]],
        [1, 2, 3],
        [1e-4, 0.8, 0.3],
    )
    assert detection_rows(tracks.detections, 5, with_classes=False) == (
        "5,1,10.00,20.00,20.50,20.00,0.800000\n"
        "5,2,2.00,2.00,1.00,2.00,0.300000\n"
        "5,3,0.00,0.00,1.00,1.00,0.000100\n"
    )


def test_detections_have_classes_on_request() -> None:
    boxes = [[0, 0, 1, 1], [10, 20, 30.5, 40]]
    tracks = make_tracks(make_header(4), boxes, [1, 2], [0.1, 0.8])
    found = replace(tracks.detections, classes=np.array([0, 2], np.int16))
    assert detection_rows(found, 5, with_classes=True) == (
        "5,1,10.00,20.00,20.50,20.00,0.800000,3\n5,2,0.00,0.00,1.00,1.00,0.100000,1\n"
    )


def test_sizes_use_exact_edges_and_equal_scores_keep_their_order() -> None:
    """In float32, the difference of the edges rounds to 1836.14."""
    boxes = [[5.44, -0.001, 1841.575, 9], [1, 1, 3, 3], [2, 2, 3, 3]]
    tracks = make_tracks(make_header(0), boxes, [1, 2, 3], [0.5, 0.7, 0.5])
    assert detection_rows(tracks.detections, 1, with_classes=False) == (
        "1,1,1.00,1.00,2.00,2.00,0.700000\n"
        "1,2,5.44,0.00,1836.13,9.00,0.500000\n"
        "1,3,2.00,2.00,1.00,1.00,0.500000\n"
    )


def test_matrices_hold_the_tracks(tmp_path: Path) -> None:
    mot = tmp_path / "mot.txt"
    mot.write_text(ROWS)
    write_matrices(mot, tmp_path / "out", "MVI_1", 24.567, 5)
    written = toolkit_paths(tmp_path / "out", "MVI_1")
    assert (tmp_path / "out/MVI_1_LX.txt").read_text() == "0,0\n1.50,11.00\n0,0\n5.00,0\n0,0\n"
    lx, ly, w, h = (np.loadtxt(path, delimiter=",") for path in written[:4])
    assert lx.shape == ly.shape == w.shape == h.shape == (5, 2)
    np.testing.assert_array_equal(np.stack([lx, ly, w, h], -1)[1, 1], [11, 12, 13, 14])
    np.testing.assert_array_equal(np.stack([lx, ly, w, h], -1)[3, 0], [5, 6, 7.25, 8])
    assert (tmp_path / "out/MVI_1_speed.txt").read_text() == "24.57\n"
    write_matrices(mot, tmp_path / "out", "MVI_1", 24.567, 4)  # the last frame has tracks
    assert (tmp_path / "out/MVI_1_LX.txt").read_text() == "0,0\n1.50,11.00\n0,0\n5.00,0\n"


def test_no_tracks_give_a_column_of_zeros(tmp_path: Path) -> None:
    mot = tmp_path / "mot.txt"
    mot.write_text("")
    write_matrices(mot, tmp_path, "a", 1.0, 3)
    assert (tmp_path / "a_W.txt").read_text() == "0\n0\n0\n"


@pytest.mark.parametrize(("rows", "frames"), [(ROWS, 3), (ROWS + ROWS, 9)])
def test_frames_out_of_range_or_order_are_rejected(tmp_path: Path, rows: str, frames: int) -> None:
    mot = tmp_path / "mot.txt"
    mot.write_text(rows)
    with pytest.raises(ValueError, match="frame"):
        write_matrices(mot, tmp_path, "a", 1.0, frames)
