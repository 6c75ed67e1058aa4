from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from stages.sink.kitti import kitti_rows
from stages.sink.options import SinkOptions
from stages.sink.stream_results import StreamResults
from stages.sink.timing import Written
from tests.stages.sink.conftest import make_header, make_start, make_tracks
from tests.stages.sink.stream import end

UNKNOWN = "-1 -1 -1 -1000 -1000 -1000 -10"


def test_rows_are_sorted_by_id_and_clipped_to_the_frame() -> None:
    tracks = make_tracks(
        make_header(6), [[10.126, 20, 30, 50], [-1, -0.0, 128.5, 96]], [12, 3], [0.98768, -1e-5]
    )
    assert kitti_rows(tracks, 7, ("vehicle",)) == (
        f"6 3 Car -1 -1 -10 0.00 0.00 128.00 96.00 {UNKNOWN} 0.0000\n"
        f"6 12 Car -1 -1 -10 10.13 20.00 30.00 50.00 {UNKNOWN} 0.9877\n"
    )
    assert kitti_rows(make_tracks(make_header(0)), 1, ("vehicle",)) == ""


@pytest.mark.parametrize(
    "box",
    [
        *([130, 10, 150, 20], [-9, 10, 0, 20], [10, 97, 20, 99], [5, 5, 5.001, 9]),
        *([127.999, 5, 140, 9], [-np.inf, 1, 2, 3], [np.nan, 1, 2, 3]),
    ],
)
def test_box_outside_the_frame_has_no_row(box: list[float]) -> None:
    tracks = make_tracks(make_header(0), [box, [1, 2, 30, 50]], [1, 2])
    [row] = kitti_rows(tracks, 1, ("vehicle",)).splitlines()
    assert row.startswith("0 2 Car ")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        *(("vehicle", "Car"), ("object", "Car"), ("car", "Car"), ("Van", "Van")),
        *(("truck", "Truck"), ("person", "Pedestrian"), ("cyclist", "Cyclist")),
        *(("bus", "Misc"), ("others", "Misc"), ("pick-up truck", "Misc")),
    ],
)
def test_class_names_are_mapped_to_kitti_types(name: str, expected: str) -> None:
    tracks = make_tracks(make_header(0), [[1, 2, 30, 50]] * 2, [1, 2])
    tracks = dataclasses.replace(tracks, classes=np.array([1, 7], np.int16))
    rows = kitti_rows(tracks, 1, ("tram", name)).splitlines()
    assert [row.split(" ")[2] for row in rows] == [expected, "Misc"]


TRUTH = """\
0 -1 DontCare -1 -1 -10 0 0 9 9 -1000 -1000 -1000 -10 -1 -1 -1
0 0 Car 0 0 -1.57 20 20 60 60 1.5 1.6 3.7 -4.2 1.8 13.4 -1.9
1 0 Car 0 0 -1.57 24 20 64 60 1.5 1.6 3.7 -4.2 1.8 13.4 -1.9
1 1 Car 0 1 -1.57 90 10 128 50 1.5 1.6 3.7 -4.2 1.8 13.4 -1.9
3 0 Car 0 0 -1.57 32 20 72 60 1.5 1.6 3.7 -4.2 1.8 13.4 -1.9
3 1 Car 0 2 -1.57 98 10 128 50 1.5 1.6 3.7 -4.2 1.8 13.4 -1.9
"""


def test_trackeval_gives_true_tracks_a_perfect_score(tmp_path: Path) -> None:
    """Vehicles of another class and a frame without vehicles do not lower the score."""
    datasets = pytest.importorskip("trackeval.datasets")
    metrics = pytest.importorskip("trackeval.metrics")
    results = StreamResults(tmp_path / "cam", SinkOptions(overlay=False, kitti=True))
    results.start(make_start(class_names=("bus", "car")))
    for index, ids in enumerate([(5, 9), (5, 7, 9), (), (5, 7, 9)]):
        x = 4 * index
        boxes = {5: [20 + x, 20, 60 + x, 60], 7: [86 + x, 10, 130 + x, 50], 9: [1, 60, 30, 90]}
        classes = np.array([each != 9 for each in ids], np.int16)
        tracks = make_tracks(make_header(index), [boxes[each] for each in ids], ids)
        results.write(dataclasses.replace(tracks, classes=classes), None, {}, Written(0, 0))
    results.finish(end(4), {})

    (tmp_path / "truth/label_02").mkdir(parents=True)
    (tmp_path / "truth/label_02/cam.txt").write_text(TRUTH)
    (tmp_path / "truth/evaluate_tracking.seqmap.training").write_text("cam empty 000000 000004\n")
    (tmp_path / "results/ours/data").mkdir(parents=True)
    (tmp_path / "cam/kitti.txt").rename(tmp_path / "results/ours/data/cam.txt")
    dataset = datasets.Kitti2DBox(
        {
            "GT_FOLDER": str(tmp_path / "truth"),
            "TRACKERS_FOLDER": str(tmp_path / "results"),
            "CLASSES_TO_EVAL": ["car"],
            "PRINT_CONFIG": False,
        }
    )
    raw = dataset.get_raw_seq_data("ours", "cam")
    data = dataset.get_preprocessed_seq_data(raw, "car")
    assert (data["num_gt_dets"], data["num_tracker_dets"], data["num_tracker_ids"]) == (5, 5, 2)
    assert raw["tracker_confidences"][0].tolist() == [0.9, 0.9]
    scores = metrics.HOTA().eval_sequence(data)
    assert scores["HOTA"].tolist() == [1.0] * 19
