"""``spotstream evaluate`` as its users run it."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from stages.errors import ConfigError
from tools.main import app

UAVDT = Path(__file__).parents[4] / "shared" / "data" / "uavdt"

XML = """<?xml version="1.0" encoding="utf-8"?>
<sequence name="MVI_1">
  <sequence_attribute camera_state="stable" sence_weather="night"/>
  <ignored_region><box left="500" top="0" width="100" height="100"/></ignored_region>
  {frames}
</sequence>
"""
TARGET = """<target id="{id}"><box left="{left}" top="10" width="50" height="40"/>
<attribute truncation_ratio="{truncation}"/>{more}</target>"""
OVERLAP = """<occlusion><region_overlap occlusion_id="2" occlusion_status="0"
left="200" top="10" width="30" height="40"/></occlusion>"""


def evaluate(*arguments: str | Path) -> str:
    result = CliRunner().invoke(app, ["evaluate", *map(str, arguments)], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def refused(*arguments: str | Path) -> str:
    with pytest.raises(ConfigError) as caught:
        CliRunner().invoke(app, ["evaluate", *map(str, arguments)], catch_exceptions=False)
    return str(caught.value)


def scores(tmp_path: Path, *arguments: str | Path) -> dict:
    evaluate(*arguments, "--json", tmp_path / "scores.json")
    return json.loads((tmp_path / "scores.json").read_text())


@pytest.fixture
def detrac(tmp_path: Path) -> Path:
    """Ten frames of three vehicles: in full view, cut by the edge, mostly hidden."""
    frames = "".join(
        f'<frame num="{number}" density="3"><target_list>'
        + TARGET.format(id=1, left=100, truncation=0, more="")
        + TARGET.format(id=2, left=0, truncation=0.3, more="")
        + TARGET.format(id=3, left=200, truncation=0, more=OVERLAP)
        + "</target_list></frame>"
        for number in range(1, 11)
    )
    (tmp_path / "gt").mkdir()
    (tmp_path / "gt" / "MVI_1.xml").write_text(XML.format(frames=frames))
    rows = [
        line
        for number in range(1, 11)
        for line in (
            f"{number},1,100,10,50,40,0.95",
            f"{number},2,0,10,50,40,0.55",
            f"{number},3,520,20,40,40,0.85",  # in the ignored region
        )
    ]
    (tmp_path / "det").mkdir()
    (tmp_path / "det" / "MVI_1_Det_X.txt").write_text("\n".join(rows) + "\n")
    return tmp_path


def test_detrac_by_hand(detrac: Path) -> None:
    """Two of three vehicles are found; the box in the ignored region does not count."""
    found = scores(
        detrac, "detrac", "--gt", detrac / "gt", "--detections", detrac / "det", "--set",
        "min_hits=0",
    )  # fmt: skip
    assert set(found) == {"overall", "sequences"}
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


def test_several_things_side_by_side(detrac: Path) -> None:
    output = evaluate(
        "detrac", "--gt", detrac / "gt", "--detections", f"one={detrac / 'det'}",
        "--detections", f"two={detrac / 'det'}", "--tracker", "sort", "--tracker", "uav",
        "--json", detrac / "scores.json", "--csv", detrac / "scores.csv",
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


def test_tracks_written_by_track_score_as_the_tracker_run_here(detrac: Path) -> None:
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


def test_files_to_score_are_found_where_run_finds_and_writes_them(detrac: Path) -> None:
    run = detrac / "run" / "MVI_1"
    run.mkdir(parents=True)
    file = detrac / "det" / "MVI_1_Det_X.txt"
    (run / "detections.txt").write_text(file.read_text())
    (run / "mot.txt").write_text("1,1,100,100,50,40,0.9,-1,-1,-1\n")
    found = scores(
        detrac, "detrac", "--gt", detrac / "gt", "--results", f"tracks={detrac / 'run'}",
        "--detections", f"boxes={detrac / 'run'}", "--detections", f"file={detrac / 'det'}",
    )  # fmt: skip
    file.rename(file.with_name("MVI_1_best.txt"))
    found["best"] = scores(detrac, "detrac", "--gt", detrac / "gt", "--detections", detrac / "det")
    assert found["boxes"] == found["file"] == found["best"]
    tracks = found["tracks"]["overall"]["tracking"]
    assert tracks["TP"] + tracks["FP"] == 1


def test_the_report_needs_nothing_beside_it(detrac: Path) -> None:
    pytest.importorskip("matplotlib")
    evaluate(
        "detrac", "--gt", detrac / "gt", "--detections", detrac / "det", "--report",
        detrac / "report",
    )  # fmt: skip
    page = (detrac / "report" / "report.html").read_text()
    for title in (
        "Scores",
        "Precision and recall",
        "PR-MOTA",
        "HOTA over α",
        "Errors over time",
        "Worst moments",
        "66.67",
        "10 misses",
    ):
        assert title in page
    assert page.count("<svg") == 5
    for outside in ("<script src", "<link", "<img", 'href="http'):
        assert outside not in page


def test_check_has_trackeval_agree(detrac: Path) -> None:
    pytest.importorskip("trackeval")
    output = evaluate("detrac", "--gt", detrac / "gt", "--detections", detrac / "det", "--check")
    assert "TrackEval finds the same in all 21 scores" in output


@pytest.mark.parametrize("lines", ["", "1,1,9,9,0,0,0.5\n"])
def test_no_detections_at_all(detrac: Path, lines: str) -> None:
    (detrac / "det" / "MVI_1_Det_X.txt").write_text(lines)
    overall = scores(detrac, "detrac", "--gt", detrac / "gt", "--detections", detrac / "det")[
        "overall"
    ]
    assert overall["detection"]["AP70"] == 0
    assert overall["tracking"]["MOTA"] == overall["tracking"]["HOTA"] == 0
    assert set(overall["pr"].values()) == {0}


def test_no_ground_truth_at_all(detrac: Path) -> None:
    (detrac / "gt" / "MVI_1.xml").write_text(XML.format(frames=""))
    overall = scores(
        detrac, "detrac", "--gt", detrac / "gt", "--detections", detrac / "det", "--frames",
        "MVI_1=10",
    )["overall"]  # fmt: skip
    assert overall["detection"]["AP70"] is None
    assert overall["tracking"]["FN"] == 0


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("11,1,0,0,9,9,1", "out/MVI_1.txt:2: frame 11 lies beyond the sequence of 10 frames"),
        ("1,1,0,0,9,9", "out/MVI_1.txt:2: expected 7 columns as in the lines before, got 6"),
        ("1,2,0,0,nan,9,1", "out/MVI_1.txt:2: column 5 must be a finite number, got 'nan'"),
        ("1,2,0,0,-9,9,1", "out/MVI_1.txt:2: width and height must not be negative, got -9 and 9"),
        ("1,1,0,0,9,9,1", "out/MVI_1.txt:2: id 1 stands twice in frame 1"),
        ("1,1.5,0,0,9,9,1", "out/MVI_1.txt:2: id must be a whole number, got 1.5"),
    ],
)
def test_bad_results_are_named_with_file_and_line(detrac: Path, row: str, message: str) -> None:
    (detrac / "out").mkdir()
    (detrac / "out" / "MVI_1.txt").write_text(f"1,1,0,0,9,9,1\n{row}\n")
    assert message in refused("detrac", "--gt", detrac / "gt", "--results", detrac / "out")


def test_a_detection_beyond_the_sequence(detrac: Path) -> None:
    with (detrac / "det" / "MVI_1_Det_X.txt").open("a") as file:
        file.write("12,1,0,0,9,9,0.5\n")
    assert "X.txt:31: frame 12 lies beyond the sequence of 10 frames" in refused(
        "detrac", "--gt", detrac / "gt", "--detections", detrac / "det"
    )


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("<sequence", "MVI_1.xml:1: not well-formed XML"),
        (
            '<sequence><frame num="1"/>\n<frame num="2">'
            + 2 * TARGET.format(id=1, left=5, truncation=0, more="")
            + '</frame>\n<frame num="4"/></sequence>',
            "MVI_1.xml:2: frame 2: id 1 stands twice",
        ),
        (
            '<sequence><frame num="2">'
            + TARGET.format(id=1, left=5, truncation="nan", more="")
            + "</frame></sequence>",
            "frame 2: truncation_ratio must lie between 0 and 1, got nan",
        ),
        ('<sequence><frame num="3000000000000"/></sequence>', "num must lie between 1 and"),
        ('<?xml version="1.0" encoding="foo"?><sequence/>', "MVI_1.xml:1: unknown encoding"),
        ("<other/>", "MVI_1.xml: expected <sequence>, got <other>"),
        (
            '<sequence><frame num="3"><target id="1"><box left="1" top="1" width="-4" height="2"/>'
            "</target></frame></sequence>",
            "MVI_1.xml:1: frame 3: box 1, 1, -4, 2 is none",
        ),
        (
            '<sequence><frame num="3"><target><box left="1" top="1" width="4" height="2"/>'
            "</target></frame></sequence>",
            "MVI_1.xml:1: frame 3: attribute 'id' is missing",
        ),
    ],
)
def test_bad_annotations_are_named(detrac: Path, content: str, message: str) -> None:
    (detrac / "gt" / "MVI_1.xml").write_text(content)
    assert message in refused("detrac", "--gt", detrac / "gt", "--detections", detrac / "det")


def test_what_is_missing_is_named(detrac: Path) -> None:
    (detrac / "empty").mkdir()
    gt, det, empty = detrac / "gt", detrac / "det", detrac / "empty"
    for arguments, message in (
        (("--gt", gt), "nothing to score; give --detections or --results"),
        (("--gt", gt, "--results", empty), "no file for sequence MVI_1; expected MVI_1.txt,"),
        (("--gt", empty, "--results", det), "empty has no *.xml"),
        (("--gt", gt / "no", "--results", det), "no is no folder"),
        (("--gt", gt, "--results", gt / "no"), "no is no folder"),
        (("--gt", gt, "--detections", det, "--tracker", "best"), "no config file best"),
        (("--gt", gt, "--detections", det, "--set", "max_age=-1"), "max_age must be a whole"),
        (("--gt", gt, "--detections", det, "--sequence", "MVI_2"), "no sequence 'MVI_2'"),
        (("--gt", gt, "--detections", det, "--frames", "MVI_1=3"), "--frames needs NAME=N"),
        (("--gt", gt, "--detections", det, "--frames", "MVI_1=²"), "--frames needs NAME=N"),
        (("--gt", gt, "--detections", det, "--report", gt / "MVI_1.xml"), "needs a folder"),
        (("--gt", gt, "--results", f"a={det}", "--results", f"a={det}"), "are called 'a'"),
    ):
        assert message in refused("detrac", *arguments), message


def test_one_sequence_has_one_annotation(detrac: Path) -> None:
    (detrac / "gt" / "MVI_1_v2.xml").write_text((detrac / "gt" / "MVI_1.xml").read_text())
    assert "holds two files for sequence MVI_1" in refused(
        "detrac", "--gt", detrac / "gt", "--detections", detrac / "det"
    )


def test_a_sequence_ends_with_its_last_frame_though_that_is_empty(detrac: Path) -> None:
    path = detrac / "gt" / "MVI_1.xml"
    path.write_text(path.read_text().replace("</sequence>", '<frame num="12"/></sequence>'))
    with (detrac / "det" / "MVI_1_Det_X.txt").open("a") as file:
        file.write("12,1,300,200,40,30,0.5\n")
    overall = scores(detrac, "detrac", "--gt", detrac / "gt", "--detections", detrac / "det")[
        "overall"
    ]
    assert overall["detection"]["AP70"] == pytest.approx(2 / 3)


def test_a_part_that_several_others_hide_is_hidden_once(detrac: Path) -> None:
    """Three fifths twice would be hard anyway; two fifths twice are not."""
    path = detrac / "gt" / "MVI_1.xml"
    twice = 2 * OVERLAP.replace('width="30"', 'width="20"').removeprefix("<occlusion>")
    twice = twice.replace("</occlusion>", "")
    path.write_text(path.read_text().replace(OVERLAP, f"<occlusion>{twice}</occlusion>"))
    found = scores(detrac, "detrac", "--gt", detrac / "gt", "--detections", detrac / "det")
    detection = found["overall"]["detection"]
    assert (detection["medium"], detection["hard"]) == (pytest.approx(1 / 2), None)


def test_several_detectors_and_trackers_without_names(detrac: Path) -> None:
    shutil.copytree(detrac / "det", detrac / "det2")
    folders = [f"--detections={detrac / name}" for name in ("det", "det2")]
    trackers = ["--tracker=sort", "--tracker=uav"]
    names = scores(detrac, "detrac", "--gt", detrac / "gt", *folders, *trackers)
    assert list(names) == ["det + sort", "det + uav", "det2 + sort", "det2 + uav"]


@pytest.mark.parametrize("frames", [0, 1, 3])
def test_the_report_of_hardly_anything(tmp_path: Path, frames: int) -> None:
    pytest.importorskip("matplotlib")
    for folder in ("gt", "det", "out"):
        (tmp_path / folder).mkdir()
    rows = [f"{number},1,0,0,10,10,1,1,-1" for number in range(1, frames + 1)]
    (tmp_path / "gt" / "A_gt.txt").write_text("\n".join(rows))
    for folder in ("det", "out"):
        (tmp_path / folder / "A.txt").write_text("")
    arguments = ["uavdt", "--gt", tmp_path / "gt", "--report", tmp_path / "report"]
    arguments += [] if frames else ["--frames", "A=2"]
    evaluate(
        *arguments, "--detections", tmp_path / "det", "--results", f"a$_{{$={tmp_path / 'out'}"
    )
    assert (tmp_path / "report" / "report.html").stat().st_size > 5000


def test_no_ground_truth_at_all_needs_a_length(tmp_path: Path) -> None:
    for folder in ("gt", "out"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "A_gt.txt").write_text("")
    (tmp_path / "out" / "A.txt").write_text("2,1,0,0,10,10,1\n")
    arguments = ("uavdt", "--gt", tmp_path / "gt", "--results", tmp_path / "out")
    assert "A has no ground truth at all; say how many frames" in refused(*arguments)
    tracking = scores(tmp_path, *arguments, "--frames", "A=3")["overall"]["tracking"]
    assert (tracking["FP"], tracking["MOTA"]) == (1, -1)


def test_coco_scores_several_files_under_their_names(tmp_path: Path) -> None:
    pytest.importorskip("pycocotools")
    truth = {
        "images": [{"id": 1}],
        "categories": [{"id": 1, "name": "car"}],
        "annotations": [{"image_id": 1, "category_id": 1, "bbox": [0, 0, 9, 9]}],
    }
    (tmp_path / "truth.json").write_text(json.dumps(truth))
    found = [{"image_id": 1, "category_id": 1, "bbox": [0, 0, 9, 9], "score": 0.5}]
    (tmp_path / "a.json").write_text(json.dumps(found))
    (tmp_path / "b.json").write_text("[]")
    arguments = ["coco", "--gt", tmp_path / "truth.json"]
    both = [f"--detections={tmp_path / name}.json" for name in "ab"]
    groups = scores(tmp_path, *arguments, *both)
    assert [groups[name]["overall"]["detection"]["AP50"] for name in "ab"] == pytest.approx([1, 0])
    assert "are called 'x'" in refused(*arguments, *(each.replace("=", "=x=") for each in both))


def test_uavdt_leaves_out_what_has_its_centre_in_an_ignored_box(tmp_path: Path) -> None:
    gt, out = tmp_path / "gt", tmp_path / "out"
    gt.mkdir()
    out.mkdir()
    (gt / "M1_gt.txt").write_text("1,1,0,0,10,10,1,1,-1\n2,1,0,0,10,10,1,1,-1\n")
    (gt / "M1_gt_ignore.txt").write_text("2,1,100,100,20,20,1,-1,-1\n")
    (out / "M1.txt").write_text(
        "1,1,0,0,10,10,1\n2,1,0,0,10,10,1\n1,2,105,105,10,10,1\n2,2,105,105,10,10,1\n"
    )
    tracking = scores(tmp_path, "uavdt", "--gt", gt, "--results", out)["overall"]["tracking"]
    assert (tracking["TP"], tracking["FP"], tracking["FN"]) == (2, 1, 0)


def test_mot_takes_folders_and_files(tmp_path: Path) -> None:
    row = "1,1,0,0,10,10,1,-1,-1,-1\n"
    (tmp_path / "flat").mkdir()
    (tmp_path / "flat" / "A.txt").write_text(row)
    (tmp_path / "nested" / "A" / "gt").mkdir(parents=True)
    (tmp_path / "nested" / "A" / "gt" / "gt.txt").write_text(row + "1,2,50,50,9,9,0,1,1,1\n")
    (tmp_path / "nested" / "A" / "seqinfo.ini").write_text("[Sequence]\nseqLength=5\n")
    for kind in ("flat", "nested"):
        found = scores(tmp_path, "mot", "--gt", tmp_path / kind, "--results", tmp_path / "flat")
        assert found["overall"]["tracking"]["HOTA"] == 1
    (tmp_path / "flat" / "A.txt").write_text("6,1,0,0,10,10,1,-1,-1,-1\n")
    assert "A.txt:1: frame 6 lies beyond the sequence of 5 frames" in refused(
        "mot", "--gt", tmp_path / "nested", "--results", tmp_path / "flat"
    )


@pytest.mark.skipif(not UAVDT.exists(), reason=f"{UAVDT} is not there")
def test_ground_truth_as_result_scores_as_the_protocol_says(tmp_path: Path) -> None:
    """Close to 1, for the ignored boxes also take away results that are right."""
    (tmp_path / "out").mkdir()
    for file in sorted((UAVDT / "GT").glob("*_gt.txt")):
        (tmp_path / "out" / file.name.replace("_gt.txt", ".txt")).write_text(file.read_text())
    overall = scores(tmp_path, "uavdt", "--gt", UAVDT / "GT", "--results", tmp_path / "out")[
        "overall"
    ]
    assert overall["tracking"]["MOTA"] > 0.98
    assert overall["tracking"]["HOTA"] > 0.98
