from __future__ import annotations

import csv
import importlib.metadata
import json
import shutil
from pathlib import Path

import pytest

from tests.tools.commands.evaluate.command import (
    add_sequence,
    detrac_arguments,
    evaluate,
    refused,
    scores,
)
from tests.tools.commands.evaluate.conftest import HIDING
from tools.annotations.ground_truths import IOU_THRESHOLDS
from trackers import default_settings


def test_several_detectors_and_trackers_are_scored_side_by_side(detrac: Path) -> None:
    output = evaluate(
        "detrac", "--gt", detrac / "gt", "--detections", f"one={detrac / 'det'}",
        "--detections", f"two={detrac / 'det'}", "--tracker", "sort", "--tracker", "uav",
        "--json", detrac / "scores.json", "--csv", detrac / "scores.csv", "--workers", "2",
    )  # fmt: skip
    names = ["one + sort", "one + uav", "two + sort", "two + uav"]
    assert list(json.loads((detrac / "scores.json").read_text())) == names
    text = (detrac / "scores.csv").read_bytes().decode()
    assert "\r" not in text
    rows = list(csv.DictReader(text.splitlines()))
    assert [(row["name"], row["sequence"]) for row in rows[:2]] == [
        ("one + sort", "MVI_1"),
        ("one + sort", "overall"),
    ]
    assert float(rows[0]["detection.AP70"]) == pytest.approx(2 / 3)
    for name in names:
        assert name in output


def test_the_protocol_is_shown_with_the_scores(detrac: Path) -> None:
    pytest.importorskip("matplotlib")
    add_sequence(detrac, "MVI_2")
    shutil.copy(detrac / "det" / "MVI_1_Det_X.txt", detrac / "det" / "MVI_2.txt")
    boxes = "detrac; IoU: AP 0.7 and 0.5, AP by difficulty and weather 0.7"
    tracks = ", CLEAR and IDF1 0.7, HOTA 0.05 to 0.95, PR 0.7"
    pooled = "overall: all boxes pooled, not a mean of sequences"
    arguments = detrac_arguments(detrac)
    files = ("--csv", detrac / "scores.csv", "--report", detrac / "report")
    for tracker, line in (("none", f"{boxes}; {pooled}"), ("sort", f"{boxes}{tracks}; {pooled}")):
        output = evaluate(*arguments, *files, "--tracker", tracker)
        assert line in output.splitlines()
        assert f"{line}." in (detrac / "report" / "report.html").read_text()
        rows = list(csv.DictReader((detrac / "scores.csv").open()))
        assert {row["benchmark"] for row in rows} == {"detrac"}
    found = scores(detrac, *arguments, "--set", "max_age=3")["protocol"]
    settings = found["tracker"].pop("settings")
    assert settings == {
        **default_settings("sort"),
        "max_age": 3,
    }
    assert found == {
        "spotstream": importlib.metadata.version("spotstream"),
        "benchmark": "detrac",
        "ground_truth": str(detrac / "gt"),
        "detections": str(detrac / "det"),
        "tracker": {"name": "sort"},
        "iou_thresholds": {
            "AP": [0.7, 0.5],
            "AP by difficulty and weather": [0.7],
            "CLEAR and IDF1": [0.7],
            "HOTA": pytest.approx([step / 20 for step in range(1, 20)], abs=1e-12),
            "PR": [0.7],
        },
        "overall": "all boxes pooled, not a mean of sequences",
    }


def test_each_benchmark_shows_its_own_protocol(tmp_path: Path) -> None:
    (tmp_path / "A_gt.txt").write_text("1,1,0,0,10,10,1,1,-1\n")
    (tmp_path / "A_gt_ignore.txt").touch()
    (tmp_path / "A.txt").write_text("1,1,0,0,10,10,1\n")
    arguments = ("uavdt", "--gt", tmp_path, "--detections", f"boxes={tmp_path}")
    output = evaluate(*arguments, "--results", f"tracks={tmp_path}")
    assert "uavdt; IoU: AP 0.7 and 0.5, CLEAR and IDF1 0.5, HOTA 0.05 to 0.95" in output
    assert "PR 0.7" in output
    output = evaluate("uavdt", "--gt", tmp_path, "--results", tmp_path)
    assert output.splitlines()[-1] == "uavdt; IoU: CLEAR and IDF1 0.5, HOTA 0.05 to 0.95"


@pytest.mark.parametrize(
    ("score", "expected"), [("0.95", True), ("1", True), ("0.05", True), ("0.85", False)]
)
def test_pr_scores_of_0_without_a_dividing_threshold_are_explained(
    detrac: Path, score: str, expected: bool
) -> None:
    """Detections of the first vehicle have a score of 0.95."""
    file = detrac / "det" / "MVI_1_Det_X.txt"
    text = file.read_text().replace(",0.5\n", f",{score}\n")
    if expected:
        text = text.replace(",0.95\n", f",{score}\n")
    file.write_text(text)
    output = evaluate(*detrac_arguments(detrac))
    assert ("PR scores are 0: no threshold" in output) == expected


def test_sequences_without_a_dividing_threshold_are_reported(detrac: Path) -> None:
    arguments = _second_sequence(detrac, 0.5)
    assert "PR scores of MVI_2 are 0: no threshold" in evaluate(*arguments)
    (detrac / "det" / "MVI_1_Det_X.txt").write_text("1,1,100,10,50,40,0.85\n")
    assert "PR scores of MVI_1, MVI_2 are 0: no threshold" in evaluate(*arguments)
    shutil.copy(detrac / "det" / "MVI_2.txt", detrac / "det" / "MVI_1_Det_X.txt")
    assert "PR scores are 0: no threshold" in evaluate(*arguments)


def test_scores_above_1_omit_pr_scores_of_that_sequence_and_overall(detrac: Path) -> None:
    arguments = _second_sequence(detrac, 50)
    found = scores(detrac, *arguments)
    assert [name for name, each in found["sequences"].items() if "pr" in each] == ["MVI_1"]
    assert "pr" not in found["overall"]
    assert found["protocol"]["iou_thresholds"]["PR"] == [0.7]
    assert "no overall PR scores: detections of MVI_2 have scores" in evaluate(*arguments)
    shutil.copy(detrac / "det" / "MVI_2.txt", detrac / "det" / "MVI_1_Det_X.txt")
    output = evaluate(*arguments)
    assert "PR 0.7" not in output
    assert "no PR scores: detections of MVI_1, MVI_2 have scores" in output


def _second_sequence(detrac: Path, score: float) -> tuple[str | Path, ...]:
    """Adds MVI_2, whose detections have this score; returns the arguments for both."""
    add_sequence(detrac, "MVI_2")
    rows = "".join(f"{number},1,100,10,50,40,{score}\n" for number in range(1, 11))
    (detrac / "det" / "MVI_2.txt").write_text(rows)
    return detrac_arguments(detrac)


@pytest.mark.parametrize("option", ["--detections", "--results"])
def test_boxes_of_suspicious_format_are_reported_once(detrac: Path, option: str) -> None:
    add_sequence(detrac, "MVI_2")
    file, other = (detrac / "det" / name for name in ("MVI_1_Det_X.txt", "MVI_2.txt"))
    trackers = ["--tracker", "sort", "--tracker", "uav"] if option == "--detections" else []
    if option == "--results":
        file = file.rename(detrac / "det" / "MVI_1.txt")
    arguments = ["detrac", "--gt", detrac / "gt", option, detrac / "det", *trackers]
    shutil.copy(file, other)
    assert str(file) not in evaluate(*arguments)
    rows = [line.split(",") for line in file.read_text().splitlines()]
    in_shares, corners = "", ""
    for frame, identity, left, top, width, height, score in rows:
        shares = (int(left) / 960, int(top) / 540, int(width) / 960, int(height) / 540)
        in_shares += f"{frame},{identity},{','.join(map(str, shares))},{score}\n"
        ends = f"{int(left) + int(width)},{int(top) + int(height)}"
        corners += f"{frame},{identity},{left},{top},{ends},{score}\n"
    for text, ending in ((in_shares, "are these coordinates from 0 to 1?"), (corners, "bottom?")):
        file.write_text(text)
        shutil.copy(file, other)
        warnings = [line for line in evaluate(*arguments).splitlines() if str(file) in line]
        assert len(warnings) == 1
        assert warnings[0].startswith(f"{file} and 1 other file: ")
        assert warnings[0].endswith(ending)


def test_an_empty_detection_file_gives_no_threshold_warning(detrac: Path) -> None:
    (detrac / "det" / "MVI_1_Det_X.txt").write_text("")
    output = evaluate(*detrac_arguments(detrac))
    assert "PR scores are 0" not in output


def test_a_sequence_named_overall_is_not_the_total(detrac: Path) -> None:
    pytest.importorskip("matplotlib")
    add_sequence(detrac, "overall")
    shutil.copy(detrac / "det" / "MVI_1_Det_X.txt", detrac / "det" / "overall.txt")
    files = ("--csv", detrac / "scores.csv", "--report", detrac / "report")
    evaluate(*detrac_arguments(detrac), "--tracker", "none", *files)
    rows = csv.DictReader((detrac / "scores.csv").open())
    assert [(row["scope"], row["sequence"]) for row in rows] == [
        ("sequence", "MVI_1"),
        ("sequence", "overall"),
        ("overall", "overall"),
    ]
    page = (detrac / "report" / "report.html").read_text()
    assert page.count("<td>overall</td>") == 2
    assert page.count('<tr class="overall">') == 1


def test_an_undefined_score_is_empty_in_csv(detrac: Path) -> None:
    path = detrac / "gt" / "MVI_1.xml"
    path.write_text(path.read_text().replace(HIDING, ""))
    evaluate(*detrac_arguments(detrac), "--csv", detrac / "scores.csv")
    [row, _] = csv.DictReader((detrac / "scores.csv").open())
    assert row["detection.hard"] == ""
    assert "nan" not in row.values()


def test_the_help_names_the_iou_thresholds() -> None:
    """The thresholds of `IOU_THRESHOLDS`, `DETECTION_IOUS` and the PR protocol."""
    for command, iou in IOU_THRESHOLDS.items():
        text = " ".join(evaluate(command, "--help").split())
        if command != "mot":
            assert "AP at IoU 0.7 and 0.5" in text
            assert "HOTA over 0.05 to 0.95" in text
            both = "CLEAR, IDF1 and the PR protocol at 0.7"
            assert (both if iou == 0.7 else "CLEAR and IDF1 at 0.5, the PR protocol at 0.7") in text


def test_an_interrupted_run_is_reported(detrac: Path) -> None:
    run = detrac / "run" / "MVI_1"
    run.mkdir(parents=True)
    (run / "mot.txt").write_text("1,1,100,10,50,40,0.9,-1,-1,-1\n")
    arguments = ("detrac", "--gt", detrac / "gt", "--results", detrac / "run")
    for status in (None, "complete", "interrupted"):
        if status is not None:
            (run / "run.json").write_text(json.dumps({"status": status}))
        is_reported = "the run was not: MVI_1 (interrupted); vehicles in the" in evaluate(
            *arguments
        )
        assert is_reported == (status == "interrupted")


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ([], 1),
        (["--set", "min_score=0.3"], 0),
        (["--tracker", "sort", "--tracker", "ocsort"], 1),
        (["--tracker", "none"], 0),
    ],
    ids=str,
)
def test_weak_detections_are_reported_if_sort_tracks_them(
    detrac: Path, options: list[str], expected: int
) -> None:
    arguments = (*detrac_arguments(detrac), *options)
    assert "have scores below" not in evaluate(*arguments)
    file = detrac / "det" / "MVI_1_Det_X.txt"
    file.write_text(file.read_text().replace(",0.5\n", ",0.15\n"))
    output = evaluate(*arguments)
    assert output.count("50% of the detections have scores below 0.2, and SORT") == expected


def test_check_confirms_that_trackeval_agrees(detrac: Path) -> None:
    pytest.importorskip("trackeval")
    output = evaluate(*detrac_arguments(detrac), "--check")
    assert "TrackEval finds the same in all 21 scores" in output


@pytest.mark.parametrize("option", ["--json", "--csv"])
def test_scores_do_not_overwrite_the_inputs(detrac: Path, option: str) -> None:
    gt, detections = detrac / "gt", detrac / "det"
    for file in (gt / "MVI_1.xml", detections / "MVI_1_Det_X.txt"):
        before = file.read_text()
        message = refused("detrac", "--gt", gt, "--detections", detections, option, file)
        assert message == f"output {file} is one of the inputs; choose another"
        assert file.read_text() == before
    file = detrac / "MVI_1.txt"
    file.write_text("1,1,100,10,50,40,0.95\n")
    message = refused("detrac", "--gt", gt, "--results", detrac, option, file)
    assert message == f"output {file} is one of the inputs; choose another"
