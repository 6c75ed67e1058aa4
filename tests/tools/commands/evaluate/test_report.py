"""The page with the scores and their curves."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.tools.commands.evaluate.command import detrac_arguments, evaluate

pytest.importorskip("matplotlib")


def page_of(folder: Path, *arguments: str | Path) -> str:
    evaluate(*arguments, "--report", folder)
    return (folder / "report.html").read_text()


def test_the_report_is_a_self_contained_page(detrac: Path) -> None:
    folder = detrac / "report [day]"
    output = evaluate(*detrac_arguments(detrac), "--report", folder, "--set", "max_age=3")
    assert f"report: {folder / 'report.html'}\n" in output
    page = (folder / "report.html").read_text()
    settings = "max_age=3, min_hits=3, iou_threshold=0.3, min_score=none"
    scored = f"detections of {detrac / 'det'}, tracked by sort ({settings})"
    assert scored in output.splitlines()
    for title in (
        "Scores",
        "Precision and recall",
        "PR-MOTA",
        "HOTA over α",
        "Errors over time",
        "Worst moments",
        "66.67",
        "10 misses",
        f"<p>{scored}</p>",
        f"Ground truth {detrac / 'gt'}: 1 sequence, ",
        "detrac; IoU: AP 0.7 and 0.5",
    ):
        assert title in page
    assert page.count("<svg") == 5
    for outside in ("<script src", "<link", "<img", 'href="http'):
        assert outside not in page


def test_the_report_has_errors_of_one_entry_and_worst_moments_of_all(tmp_path: Path) -> None:
    """The first tracker misses one vehicle, the second one both, in all of 100 frames."""
    for folder in ("gt", "one", "none"):
        (tmp_path / folder).mkdir()
    for name in "ABC":
        rows = [f"{n},{i},{40 * i},0,10,10,1,1,-1\n" for n in range(1, 101) for i in (1, 2)]
        (tmp_path / "gt" / f"{name}_gt.txt").write_text("".join(rows))
        (tmp_path / "one" / f"{name}.txt").write_text("".join(rows[::2]))
        (tmp_path / "none" / f"{name}.txt").touch()
    arguments = (tmp_path / "report", "uavdt", "--gt", tmp_path / "gt")
    entries = [f"--results={tmp_path / folder}" for folder in ("one", "none")]

    page = page_of(*arguments, *entries)
    assert "one, the first entry with tracks, alone: errors per frame" in page
    assert [page.count(f"<figcaption>{name}, ") for name in ("one", "none")] == [1 + 3, 3]
    errors = page[page.index("Errors over time") : page.index("Worst moments")]
    assert errors.count(">false positives<") == 1
    assert errors.count(">frame<") == 2  # of three panels in two columns

    page = page_of(*arguments, entries[0])
    assert "all sequences: errors per frame" in page
    assert page.count("0 false positives, 25 misses") == 9


def test_detection_curves_are_not_named_after_a_tracker(detrac: Path) -> None:
    folder, det = detrac / "report", detrac / "det"
    arguments = ["detrac", "--gt", detrac / "gt", "--tracker", "sort", "--tracker", "ocsort"]
    for detections, name in ((det, "det"), (f"mine={det}", "mine")):
        page = page_of(folder, *arguments, "--detections", detections)
        assert page.count(f">{name}: AP ") == 2  # at each IoU
        assert "sort: AP " not in page
        assert "sort: PR-MOTA " in page


def test_detections_named_like_a_tracker_keep_their_name(detrac: Path) -> None:
    folder, named = detrac / "report", f"sort={detrac / 'det'}"
    arguments = ["--gt", detrac / "gt", "--detections", named, "--tracker", "sort"]
    assert page_of(folder, "detrac", *arguments).count(">sort: AP ") == 2  # at each IoU


def test_a_name_with_an_underscore_is_in_every_legend(detrac: Path) -> None:
    detections, folder = f"_old={detrac / 'det'}", detrac / "report"
    page = page_of(folder, "detrac", "--gt", detrac / "gt", "--detections", detections)
    assert page.count("_old: AP ") == 2  # at each IoU
    assert page.count("_old: PR-MOTA ") == 2
    assert page.count("_old: 66.67") == 1  # DetA


@pytest.mark.parametrize("frames", [0, 1, 3])
def test_a_report_of_almost_no_data_is_written(tmp_path: Path, frames: int) -> None:
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
