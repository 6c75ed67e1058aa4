from __future__ import annotations

from pathlib import Path

import pytest

from stages.errors import ConfigError
from tools.annotations.mot_file import (
    mot_sequences,
    read_mot,
    read_mot_ground_truth,
    without_truth,
)
from tools.annotations.trajectories import Trajectories


def read(folder: Path, text: str, frame_count: int | None = None) -> Trajectories:
    path = folder / "gt.txt"
    path.write_text(text)
    return read_mot(path, frame_count)


def test_frames_count_from_zero_and_boxes_become_corners(tmp_path: Path) -> None:
    trajectories = read(tmp_path, "2,7,10,20,30,40,1,-1,-1,-1\n1,8,1.5,2,3,4,1,-1,-1,-1\n")
    assert trajectories.frames.tolist() == [0, 1]
    assert trajectories.ids.tolist() == [8, 7]
    assert trajectories.boxes.tolist() == [[1.5, 2, 4.5, 6], [10, 20, 40, 60]]


def test_rows_of_a_frame_keep_their_order(tmp_path: Path) -> None:
    trajectories = read(tmp_path, "2,3,0,0,9,9\n1,8,0,0,9,9\n2,1,5,0,9,9\n1,7,5,0,9,9\n")
    assert trajectories.frames.tolist() == [0, 0, 1, 1]
    assert trajectories.ids.tolist() == [8, 7, 3, 1]
    assert trajectories.boxes[:, 0].tolist() == [0, 5, 0, 5]


def test_results_may_have_classes(tmp_path: Path) -> None:
    trajectories = read(tmp_path, "1,7,10,20,30,40,0.9,3,-1,-1\n1,8,1,2,3,4,0.8,1,-1,-1\n")
    assert trajectories.ids.tolist() == [7, 8]


def test_rows_with_flag_zero_are_not_scored(tmp_path: Path) -> None:
    for text, ids, frames in (
        ("1,1,5,5,9,0,0.5,1,-1\n\n3,2,0,0,9,9,0,1,-1\n", [1, 2], 3),
        ("1,1,5,5,9,0,1\n3,2,0,0,9,9,0\n", [1, 2], 3),
        ("1,1,5,5,9,0\n", [1], 1),
    ):
        assert read(tmp_path, text).ids.tolist() == ids
        truth = read_mot_ground_truth(tmp_path / "gt.txt", "A")
        assert truth.tracks.ids.tolist() == truth.objects.ids.tolist() == [1]
        assert truth.tracks.boxes.tolist() == [[5, 5, 14, 5]]
        assert truth.frame_count == frames


def test_ids_may_recur_and_one_may_be_minus_one(tmp_path: Path) -> None:
    rows = "1,-1,0,0,9,9\n1,2,0,0,9,9\n2,2,0,0,0,9\n"
    assert read(tmp_path, rows).ids.tolist() == [-1, 2, 2]


def test_sequences_are_named_by_folder_or_file(tmp_path: Path) -> None:
    for name in ("cam.1.txt", "b.txt.gz", "._b.txt"):
        (tmp_path / name).touch()
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "seqinfo.ini").touch()
    assert [name for name, _ in mot_sequences(tmp_path)] == ["b", "cam.1"]
    assert without_truth(tmp_path) == []
    truth = tmp_path / "A" / "gt" / "gt.txt"
    truth.parent.mkdir(parents=True)
    truth.write_text("2,1,0,0,9,9\n")
    (tmp_path / "A" / "seqinfo.ini").write_text("[Sequence]\nseqLength=7\n")
    assert mot_sequences(tmp_path) == mot_sequences(str(tmp_path)) == [("A", truth)]
    for path in (truth, str(truth)):
        assert read_mot_ground_truth(path, "A").frame_count == 7


def test_length_outside_a_gt_folder_is_the_last_frame(tmp_path: Path) -> None:
    (tmp_path / "seqinfo.ini").write_text("[Sequence]\nseqLength=1\n")
    (tmp_path / "truth").mkdir()
    (tmp_path / "truth" / "A.txt").write_text("2,1,0,0,9,9\n")
    assert read_mot_ground_truth(tmp_path / "truth" / "A.txt", "A").frame_count == 2


def test_empty_file_has_no_rows(tmp_path: Path) -> None:
    assert len(read(tmp_path, "")) == 0


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1,1,0,0,9\n", "gt.txt:1: expected at least 6 columns, got 5"),
        ("1,1,0,0,9,9,1\n1,2,0,0,9,9\n", "gt.txt:2: expected 7 columns as in the lines before"),
        ("1,1,0,0,nan,9\n", "gt.txt:1: column 5 must be a finite number of 32 bits, got 'nan'"),
        ("11,1,0,0,9,9\n", "gt.txt:1: frame 11 lies beyond the sequence of 10 frames"),
        ("1,1,0,0,9,9\n0,1,0,0,9,9\n", "gt.txt:2: frame must be a whole number"),
        ("1,1,0,0,9,9\n2,1.5,0,0,9,9\n", "gt.txt:2: id must be a whole number below 2^53, got 1.5"),
        ("2,1234567.5,0,0,9,9\n", "gt.txt:1: id must be a whole number below 2^53, got 1234567.5"),
        ("1,1,0,0,9,-9\n", "gt.txt:1: width and height must not be negative, got 9 and -9"),
        ("1,1,0,0,-9,9\n", "gt.txt:1: width and height must not be negative, got -9 and 9"),
        (f"1,{2**53},0,0,9,9\n", f"gt.txt:1: id must be a whole number below 2^53, got {2**53}"),
        (f"1,-{2**64},0,0,9,9\n", "gt.txt:1: id must be a whole number below 2^53, got -1.84"),
        ("1,-1,0,0,9,9\n2,-1,0,0,9,9\n", "gt.txt holds detections, not tracks: every id is -1"),
        ("1,-1,0,0,9,9\n1,-1,5,0,9,9\n", "gt.txt holds detections, not tracks: every id is -1"),
        ("4,1,0,0,9,9\n4,1,0,0,9,9\n", "gt.txt:2: id 1 occurs twice in frame 4"),
        ("4,1234567,0,0,9,9\n" * 2, "gt.txt:2: id 1234567 occurs twice in frame 4"),
    ],
)
def test_malformed_file_is_rejected(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, text, frame_count=10)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("info", "message"),
    [
        ("[Sequence]\nseqLength=0\n", "cannot read seqLength in .*: must be a whole number"),
        ("[Sequence]\nframeRate=25\n", "has no seqLength"),
        (
            "[Sequence]\nseqLength=1\n",
            "gt.txt:2: frame 2 lies beyond the sequence of 1 frames; "
            "seqLength of .*/A/seqinfo.ini is 1$",
        ),
    ],
)
def test_invalid_missing_or_too_small_sequence_length_is_rejected(
    tmp_path: Path, info: str, message: str
) -> None:
    truth = tmp_path / "A" / "gt" / "gt.txt"
    truth.parent.mkdir(parents=True)
    truth.write_text("1,1,0,0,9,9\n2,1,0,0,9,9\n")
    (tmp_path / "A" / "seqinfo.ini").write_text(info)
    with pytest.raises(ConfigError, match=message):
        read_mot_ground_truth(truth, "A")


def test_a_sequence_with_two_files_is_refused(tmp_path: Path) -> None:
    (tmp_path / "A" / "gt").mkdir(parents=True)
    for name in ("gt.txt", "gt.txt.gz"):
        (tmp_path / "A" / "gt" / name).touch()
    with pytest.raises(ConfigError, match=r"A/gt/gt.txt is there also as gt.txt.gz; keep one$"):
        mot_sequences(tmp_path)
