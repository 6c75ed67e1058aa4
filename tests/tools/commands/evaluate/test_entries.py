from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from tests.stages.sink.test_detrac import write_matrices
from tests.tools.commands.evaluate.command import add_sequence, detrac_arguments, refused, scores
from tools.commands.evaluate.entries import named, read_entries


def test_run_results_and_suffixed_detection_files_are_found(detrac: Path) -> None:
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
    found["best"] = scores(detrac, *detrac_arguments(detrac))
    boxes, of_file, best = (found[name]["sequences"] for name in ("boxes", "file", "best"))
    assert boxes == of_file == best
    tracks = found["tracks"]["overall"]["tracking"]
    assert tracks["TP"] + tracks["FP"] == 1


@pytest.mark.parametrize(
    ("tracker", "message"),
    [
        ("own", "no tracker or config own; trackers are sort, .* or package.module:Class of your"),
        ("nowhere:Own", "^tracker 'nowhere:Own': there is no module nowhere; install it"),
    ],
)
def test_an_unknown_tracker_is_refused(detrac: Path, tracker: str, message: str) -> None:
    assert re.search(message, refused(*detrac_arguments(detrac), "--tracker", tracker))


def test_run_results_of_a_sequence_name_with_spaces_are_found(
    detrac: Path,
) -> None:
    """`run` names folders with letters, digits and hyphens only."""
    annotation = detrac / "gt" / "MVI_1.xml"
    annotation.write_text(annotation.read_text().replace('"MVI_1"', '"main road, 1"'))
    run = detrac / "run" / "main-road-1"
    run.mkdir(parents=True)
    (run / "mot.txt").write_text("1,1,100,10,50,40,0.9,-1,-1,-1\n")
    shutil.move(detrac / "det" / "MVI_1_Det_X.txt", run / "detections.txt")
    found = scores(
        detrac, "detrac", "--gt", detrac / "gt", "--results", f"tracks={detrac / 'run'}",
        "--detections", f"boxes={detrac / 'run'}",
    )  # fmt: skip
    assert found["tracks"]["sequences"]["main road, 1"]["tracking"]["TP"] == 1
    assert found["boxes"]["overall"]["detection"]["AP70"] > 0.5


def test_detections_and_results_in_the_layouts_of_others_are_found(detrac: Path) -> None:
    """MOTChallenge has ``NAME/det/det.txt``; TrackEval reads ``TRACKER/data/NAME.txt``."""
    det, data = detrac / "train" / "MVI_1" / "det", detrac / "tracker" / "data"
    det.mkdir(parents=True)
    data.mkdir(parents=True)
    shutil.move(detrac / "det" / "MVI_1_Det_X.txt", det / "det.txt")
    (data / "MVI_1.txt").write_text("1,1,100,10,50,40,0.9,-1,-1,-1\n")
    (data.parent / "pedestrian_summary.txt").write_text("HOTA DetA\n1 1\n")
    found = scores(
        detrac, "detrac", "--gt", detrac / "gt", "--results", f"tracks={detrac / 'tracker'}",
        "--detections", f"boxes={detrac / 'train'}",
    )  # fmt: skip
    assert found["tracks"]["overall"]["tracking"]["TP"] == 1
    assert found["boxes"]["overall"]["detection"]["AP70"] > 0.5


def test_matrices_of_the_detrac_toolkit_score_like_the_tracks_in_them(detrac: Path) -> None:
    add_sequence(detrac, "MVI_2")
    tracks, matrices = detrac / "tracks", detrac / "matrices"
    tracks.mkdir()
    (tracks / "MVI_1.txt").write_text(
        "".join(
            f"{number},{4 + number // 6},{100.25 + number / 100:.2f},10,50,40,0.9,-1,-1,-1\n"
            f"{number},9,0,10,50.5,{39 + number % 3},0.9,-1,-1,-1\n"
            for number in range(2, 11)
        )
    )
    (tracks / "MVI_2.txt").touch()
    for name in ("MVI_1", "MVI_2"):  # of 12 frames, of which the last two have no annotation
        write_matrices(tracks / f"{name}.txt", matrices, name, 25.0, 12)
    found = scores(
        detrac, "detrac", "--gt", detrac / "gt", "--results", tracks, "--results", matrices
    )
    assert found["matrices"]["sequences"] == found["tracks"]["sequences"]
    assert found["tracks"]["sequences"]["MVI_1"]["tracking"]["TP"] == 18
    assert found["tracks"]["sequences"]["MVI_1"]["tracking"]["IDS"] == 1

    only = ("detrac", "--gt", detrac / "gt", "--sequence", "MVI_1", "--results", matrices)
    (matrices / "MVI_1.txt").write_text("1,1,100,10,50,40,0.9,-1,-1,-1\n")
    assert scores(detrac, *only)["overall"]["tracking"]["TP"] == 1
    (matrices / "MVI_1.txt").unlink()
    write_matrices(tracks / "MVI_1.txt", matrices, "MVI_1", 25.0, 10)
    edited = matrices / "MVI_1_H.txt"
    for text, message in (
        ("1,1,1\n" * 12, r"MVI_1_H.txt has 12 rows of 3 numbers, but MVI_1_LX.txt has 10 rows"),
        ("0,0,0\n0,0,-2\n" * 5, r"MVI_1_H.txt:2: width and height must not be negative, got -2"),
        ("0,0,x\n" * 10, r"MVI_1_H.txt:1: column 3 must be a finite number"),
    ):
        edited.write_text(text)
        assert re.search(message, refused(*only))
    edited.unlink()
    for arguments in (("detrac", "--gt", detrac / "gt", *only[-2:]), only):
        assert refused(*arguments).endswith("toolkit, but not MVI_1_H.txt")
    write_matrices(tracks / "MVI_1.txt", matrices, "MVI_1", 25.0, 10)
    (matrices / "MVI_1_LX.txt").unlink()
    assert refused(*only).endswith("toolkit, but not MVI_1_LX.txt")


def test_a_single_matrix_is_not_read_as_tracks(detrac: Path) -> None:
    folder = detrac / "matrices"
    folder.mkdir()
    (folder / "MVI_1_LX.txt").write_text("1,2,3,4,5,6,7\n")
    message = refused("detrac", "--gt", detrac / "gt", "--results", folder)
    assert message.endswith("toolkit, but not MVI_1_LY.txt, MVI_1_W.txt, MVI_1_H.txt")


def test_a_box_of_a_matrix_beyond_the_sequence_is_reported(detrac: Path) -> None:
    for part in ("LX", "LY", "W", "H"):
        (detrac / "det" / f"MVI_1_{part}.txt").write_text("0\n" * 10 + "9\n0\n")
    (detrac / "det" / "MVI_1_Det_X.txt").unlink()
    message = refused("detrac", "--gt", detrac / "gt", "--results", detrac / "det")
    assert "MVI_1_LX.txt:11: frame 11 lies beyond the sequence of 10 frames" in message
    assert message.endswith("; if it is longer, --frames MVI_1=11")


def test_files_of_a_longer_sequence_name_do_not_match_a_shorter_one(detrac: Path) -> None:
    add_sequence(detrac, "MVI_1_b")
    shutil.move(detrac / "det" / "MVI_1_Det_X.txt", detrac / "det" / "MVI_1_b_Det_X.txt")
    arguments = detrac_arguments(detrac)
    for only in ((), ("--sequence", "MVI_1")):
        assert "no file for MVI_1; expected MVI_1.txt" in refused(*arguments, *only)
    assert scores(detrac, *arguments, "--sequence", "MVI_1_b")["overall"]["detection"]["AP70"] > 0.5


def test_unnamed_detectors_and_trackers_get_combined_names(detrac: Path) -> None:
    shutil.copytree(detrac / "det", detrac / "det2")
    folders = [f"--detections={detrac / name}" for name in ("det", "det2")]
    trackers = ["--tracker=sort", "--tracker=uav"]
    names = scores(detrac, "detrac", "--gt", detrac / "gt", *folders, *trackers)
    assert list(names) == ["det + sort", "det + uav", "det2 + sort", "det2 + uav"]


@pytest.mark.parametrize(
    ("detections", "results", "names"),
    [
        (["a"], [], [""]),
        ([], ["a"], [""]),
        (["a", "b"], [], ["a", "b"]),
        ([], ["a", "b"], ["a", "b"]),
        (["a"], ["b"], ["a", "b"]),
        (["own=a"], ["b"], ["own", "b"]),
    ],
)
def test_entries_are_named_by_folder_only_if_there_are_several(
    detections: list[str], results: list[str], names: list[str]
) -> None:
    assert [entry.name for entry in read_entries(detections, results)] == names


def test_a_path_may_have_an_equals_sign(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("crf=18").mkdir()
    assert named("own=crf=18") == ("own", Path("crf=18"))
    for path in ("crf=18", "runs/crf=18/det"):
        assert named(path) == ("", Path(path))


def test_settings_that_one_of_several_trackers_lacks_are_refused(detrac: Path) -> None:
    arguments = detrac_arguments(detrac)
    low = "--set=min_score=0.3"
    message = refused(*arguments, "--tracker=sort", "--tracker=bytetrack", low)
    assert "tracker 'bytetrack' has no setting 'min_score'" in message
    assert message.endswith(" give a config file for each: --tracker sort.yaml")
    assert "yaml" not in refused(*arguments, "--tracker=bytetrack", low)
    assert "yaml" not in refused(*arguments, "--tracker=sort", "--tracker=best", low)
    config = detrac / "sort.yaml"
    config.write_text("tracker: {name: sort, settings: {min_score: 0.3}}\n")
    names = scores(detrac, *arguments, f"--tracker={config}", "--tracker=bytetrack")
    assert list(names) == [str(config), "bytetrack"]
