from __future__ import annotations

import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.tools.annotations.detrac_file import annotation
from tests.tools.commands.evaluate.command import (
    add_sequence,
    detrac_arguments,
    evaluate,
    refused,
    scores,
)
from tools.evaluation import benchmark
from tools.main import app

UAVDT = Path(__file__).parents[5] / "shared" / "data" / "uavdt"


def test_detrac_scores_of_a_worked_example(detrac: Path) -> None:
    """Two of three vehicles are found; the box in the ignored region does not count."""
    found = scores(detrac, *detrac_arguments(detrac), "--set", "min_hits=0")
    assert set(found) == {"protocol", "overall", "sequences"}
    detection = found["overall"]["detection"]
    assert detection["AP70"] == detection["AP50"] == detection["night"] == pytest.approx(2 / 3)
    assert (detection["easy"], detection["medium"], detection["hard"]) == (1, 1, 0)
    tracking = found["overall"]["tracking"]
    assert (tracking["TP"], tracking["FP"], tracking["FN"], tracking["IDS"]) == (20, 0, 10, 0)
    assert tracking["MOTA"] == pytest.approx(2 / 3)
    # Precision 1 throughout; recall 2/3 up to t = 0.5, 1/3 up to 0.9, then no detection: a line
    # of 1/3 from MOTA 2/3 to 1/3.
    assert found["overall"]["pr"]["PR-MOTA"] == pytest.approx((2 / 3 + 1 / 3) / 2 * (1 / 3) / 2)
    assert found["overall"]["pr"]["PR-MT"] == pytest.approx((2 / 3 + 1 / 3) / 2 * (1 / 3) / 2)
    assert found["sequences"]["MVI_1"] == found["overall"]


def test_detrac_requires_an_iou_of_0_7(detrac: Path) -> None:
    """The detection of the second vehicle covers six tenths of it."""
    file = detrac / "det" / "MVI_1_Det_X.txt"
    file.write_text(file.read_text().replace(",0,10,50,40,", ",0,10,50,24,"))
    found = scores(detrac, *detrac_arguments(detrac), "--set", "min_hits=0")["overall"]
    detection = found["detection"]
    assert detection["AP50"] == pytest.approx(2 / 3)
    assert detection["AP70"] == detection["night"] == pytest.approx(1 / 3)
    assert (detection["easy"], detection["medium"]) == (1, 0)
    # Recall 1/3 throughout; precision 1/2 up to t = 0.5, then 1: a line of 1/2 from MOTA 0 to 1/3.
    assert found["pr"]["PR-MOTA"] == pytest.approx((0 + 1 / 3) / 2 * (1 / 2) / 2)


def test_tracks_written_by_track_score_like_tracking_in_evaluate(detrac: Path) -> None:
    file = detrac / "det" / "MVI_1_Det_X.txt"
    file.write_text(file.read_text().replace(",100,10,50,40,", ",101.234,10.567,50.123,39.877,"))
    done = CliRunner().invoke(
        app,
        ["track", "--detections", str(detrac / "det" / "MVI_1_Det_X.txt"), "--output",
         str(detrac / "out" / "MVI_1.txt"), "--tracker", "sort"],
        catch_exceptions=False,
    )  # fmt: skip
    assert done.exit_code == 0
    found = scores(
        detrac, "detrac", "--gt", detrac / "gt", "--results", f"file={detrac / 'out'}",
        "--detections", f"run={detrac / 'det'}",
    )  # fmt: skip
    assert found["file"]["overall"]["tracking"] == found["run"]["overall"]["tracking"]


@pytest.mark.parametrize("lines", ["", "1,1,9,9,0,0,0.5\n"])
def test_scores_without_detections_are_0(detrac: Path, lines: str) -> None:
    (detrac / "det" / "MVI_1_Det_X.txt").write_text(lines)
    overall = scores(detrac, *detrac_arguments(detrac))["overall"]
    assert overall["detection"]["AP70"] == 0
    assert overall["tracking"]["MOTA"] == overall["tracking"]["HOTA"] == 0
    assert set(overall["pr"].values()) == {0}


def test_scores_without_ground_truth_are_undefined(detrac: Path) -> None:
    (detrac / "gt" / "MVI_1.xml").write_text(annotation(""))
    overall = scores(detrac, *detrac_arguments(detrac), "--frames", "MVI_1=10")["overall"]
    assert overall["detection"]["AP70"] is None
    assert overall["tracking"]["FN"] == 0


@pytest.mark.parametrize("option", ["--detections", "--results"])
def test_a_box_beyond_the_sequence_is_reported(detrac: Path, option: str) -> None:
    file = (detrac / "det" / "MVI_1_Det_X.txt").rename(detrac / "det" / "MVI_1.txt")
    file.write_text(file.read_text() + "12,1,0,0,9,9,0.5\n")
    message = refused("detrac", "--gt", detrac / "gt", option, detrac / "det")
    assert "MVI_1.txt:31: frame 12 lies beyond the sequence of 10 frames" in message
    assert message.endswith("; if it is longer, --frames MVI_1=12")


def test_all_sequences_that_need_more_frames_are_reported_at_once(detrac: Path) -> None:
    for name in ("MVI 2", "MVI_3", "MVI_4"):
        add_sequence(detrac, name)
    (detrac / "results").mkdir()
    for name, of_detections, of_results in (
        ("MVI_1", 10, 12),
        ("MVI 2", 15, 14),
        ("MVI_3", 10, 9),
        ("MVI_4", 11, 13),
    ):
        (detrac / "det" / f"{name}_Det_X.txt").write_text(f"{of_detections},1,0,0,9,9,0.5\n")
        (detrac / "results" / f"{name}.txt").write_text(f"{of_results},1,0,0,9,9,1\n")
    arguments = detrac_arguments(detrac)
    arguments += ("--results", detrac / "results", "--tracker", "none")
    needed = "--frames 'MVI 2=15' --frames MVI_4=13 --frames MVI_1=12"
    message = refused(*arguments)
    assert "det/MVI 2_Det_X.txt:1: frame 15 lies beyond the sequence of 10 frames" in message
    assert message.endswith(f"; if it and 2 other sequences are longer, {needed}")
    scores(detrac, *arguments, *shlex.split(needed))


def test_all_malformed_files_are_reported_before_any_is_scored(
    detrac: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(benchmark, "score_sequence", lambda task, **_: pytest.fail("scored"))
    for number in range(2, 12):
        add_sequence(detrac, f"MVI_{number}")
        (detrac / "det" / f"MVI_{number}.txt").write_text(f"1,1,{number}\n")
    arguments = detrac_arguments(detrac)
    message = refused(*arguments, "--tracker", "sort", "--tracker", "bytetrack")
    assert message.count(".txt:1: expected at least 7 columns, got 3") == 8
    assert message.endswith("; 2 more malformed files")
    (detrac / "det" / "MVI_2.txt").write_text("12,1,0,0,9,9,0.5\n")
    message = refused(*arguments, "--sequence", "MVI_1", "--sequence", "MVI_2")
    assert message.endswith("sequence of 10 frames; if it is longer, --frames MVI_2=12")


def test_missing_files_of_uavdt_are_reported(tmp_path: Path) -> None:
    for name in ("A", "B", "C"):
        (tmp_path / f"{name}_gt.txt").write_text("1,1,0,0,10,10,1,1,-1\n")
        (tmp_path / f"{name}.txt").write_text("1,1,0,0,10,10,1\n")
    (tmp_path / "C_gt_ignore.txt").touch()
    (tmp_path / "A_gt_whole.txt").write_text("1,1,0,0,10,10,1,1,1\n")
    no_ignored = f"{tmp_path}: no _gt_ignore.txt for A, B; no boxes are ignored there\n"
    no_whole = (
        f"{tmp_path}: no _gt_whole.txt for B, C; detections are scored against _gt.txt there\n"
    )
    in_json = {"_gt_ignore.txt": {"sequences": ["A", "B"], "instead": "no boxes are ignored"}}
    of_tracks = ("uavdt", "--gt", tmp_path, "--results", tmp_path)
    output = evaluate(*of_tracks)
    assert no_ignored in output
    assert "0.95; no _gt_ignore.txt for 2 of 3 sequences; overall: " in output
    assert "_gt_whole.txt" not in output
    assert scores(tmp_path, *of_tracks)["protocol"]["missing_files"] == in_json
    of_both = (*of_tracks[:-1], f"tracks={tmp_path}", "--detections", f"boxes={tmp_path}")
    output = evaluate(*of_both)
    assert no_ignored in output
    assert no_whole in output
    assert "; no _gt_whole.txt for 2 of 3 sequences; no _gt_ignore.txt for 2 of 3 seq" in output
    found = scores(tmp_path, *of_both)
    assert found["tracks"]["protocol"]["missing_files"] == in_json
    assert found["boxes"]["protocol"]["missing_files"] == {
        "_gt_whole.txt": {
            "sequences": ["B", "C"],
            "instead": "detections are scored against _gt.txt",
        },
        **in_json,
    }
    output = evaluate(*of_both, "--sequence", "C")
    assert "no _gt_ignore.txt" not in output
    assert "no _gt_whole.txt for C; " in output


@pytest.mark.skipif(not UAVDT.exists(), reason=f"{UAVDT} is not there")
def test_ground_truth_scored_as_a_result_is_almost_perfect(tmp_path: Path) -> None:
    """Close to 1, because the ignored boxes also remove some correct results."""
    (tmp_path / "out").mkdir()
    for file in sorted((UAVDT / "GT").glob("*_gt.txt")):
        (tmp_path / "out" / file.name.replace("_gt.txt", ".txt")).write_text(file.read_text())
    overall = scores(tmp_path, "uavdt", "--gt", UAVDT / "GT", "--results", tmp_path / "out")[
        "overall"
    ]
    assert overall["tracking"]["MOTA"] > 0.98
    assert overall["tracking"]["HOTA"] > 0.98


def test_missing_and_invalid_inputs_are_reported(detrac: Path) -> None:
    (detrac / "empty").mkdir()
    gt, det, empty = detrac / "gt", detrac / "det", detrac / "empty"
    for arguments, message in (
        (("--gt", gt), "nothing to score; give --detections or --results"),
        (("--gt", gt, "--results", empty), "no file for MVI_1; expected MVI_1.txt or"),
        (("--gt", empty, "--results", det), "empty has no *.xml"),
        (("--gt", gt / "no", "--results", det), "no is not a folder"),
        (("--gt", gt, "--results", gt / "no"), "no is not a folder"),
        (("--gt", gt, "--detections", det, "--tracker", "best"), "trackers are sort, bytetrack,"),
        (("--gt", gt, "--detections", det, "--set", "max_age=-1"), "max_age must be a whole"),
        (("--gt", gt, "--detections", det, "--sequence", "MVI_2"), "no sequence 'MVI_2'"),
        (("--gt", gt, "--detections", det, "--frames", "MVI_1=3"), "--frames needs NAME=N"),
        (("--gt", gt, "--detections", det, "--frames", "MVI_1=²"), "--frames needs NAME=N"),
        (("--gt", gt, "--results", f"a={det}", "--results", f"a={det}"), "are called 'a'"),
        (("--gt", gt, "--results", det, "--set", "max_age=3"), "need --detections"),
        (("--gt", gt, "--results", det, "--tracker", "uav"), "need --detections"),
    ):
        assert message in refused("detrac", *arguments), message


def test_mot_scores_a_tracker_on_the_detections_of_the_data_set(tmp_path: Path) -> None:
    """Only its tracks; as in TrackEval, those on the distractor (class 8) are left out."""
    folder = tmp_path / "train" / "MOT17-02-FRCNN"
    for name, line in (
        ("gt/gt.txt", "{0},1,{0},20,40,60,1,1,1\n{0},2,300,20,90,60,0,8,1\n"),
        ("det/det.txt", "{0},-1,{0},20,40,60,7\n{0},-1,300,20,90,60,9\n"),
    ):
        (folder / name).parent.mkdir(parents=True)
        (folder / name).write_text("".join(line.format(frame) for frame in range(1, 21)))
    mot = ("mot", "--gt", folder.parent)
    detections = ("--detections", folder.parent)
    found = scores(tmp_path, *mot, *detections, "--tracker", "sort", "--set", "min_hits=0")
    assert set(found["overall"]) == {"tracking"}
    tracking = found["overall"]["tracking"]
    assert (tracking["TP"], tracking["FP"], tracking["FN"]) == (20, 0, 0)
    assert found["protocol"]["tracker"]["name"] == "sort"
    output = evaluate(*mot, *detections, "--check")
    assert "TrackEval finds the same in all 21 scores, as MOT17" in output
    assert "PR" not in output
    assert "left out" not in output
    assert refused(*mot).startswith("nothing to score")
    assert "need a --tracker" in refused(*mot, *detections, "--tracker", "none")
