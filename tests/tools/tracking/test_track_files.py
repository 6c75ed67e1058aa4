from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from stages.errors import ConfigError, OutputError
from tests.trackers.conftest import PARITY
from tools.main import app
from tools.tracking.track_files import track_file, track_folder

ROWS = "".join(f"{frame},1,{10 + frame},20,30,40,0.9\n" for frame in range(1, 11))


@pytest.fixture
def detections(tmp_path: Path) -> Path:
    path = tmp_path / "detections" / "MVI_1_Det_SpotNet.txt"
    path.parent.mkdir()
    path.write_text(ROWS)
    return path


def test_writes_mot_rows(detections: Path, tmp_path: Path) -> None:
    output = tmp_path / "new" / "tracks.txt"
    summary = track_file(detections, output, "sort", {"min_hits": 0})
    lines = output.read_text().splitlines()
    assert len(lines) == 10
    assert lines[0] == "1,1,11.00,20.00,30.00,40.00,0.9000,-1,-1,-1"
    assert (summary.frames, summary.boxes, summary.tracks) == (10, 10, 1)
    assert (summary.detections, summary.output) == (detections, output)
    assert summary.frames_per_second == pytest.approx(10 / summary.seconds)
    assert [path.name for path in output.parent.iterdir()] == ["tracks.txt"]


def test_a_file_without_detections_gives_no_tracks(tmp_path: Path) -> None:
    empty = tmp_path / "empty.txt"
    empty.write_text("")
    summary = track_file(empty, tmp_path / "tracks.txt", "sort", {})
    assert (summary.frames, summary.boxes, summary.tracks) == (0, 0, 0)
    assert summary.frames_per_second == 0
    assert (tmp_path / "tracks.txt").read_text() == ""


def test_a_failure_keeps_the_old_result(detections: Path, tmp_path: Path) -> None:
    output = tmp_path / "tracks.txt"
    output.write_text("old")
    for tracker, settings in (("none", {}), ("sort", {"max_age": -1})):
        with pytest.raises(ConfigError):
            track_file(detections, output, tracker, settings)
    detections.write_text(ROWS + "11,1,1\n")
    with pytest.raises(ConfigError, match=r"MVI_1_Det_SpotNet.txt:11: "):
        track_file(detections, output, "sort", {})
    assert output.read_text() == "old"


def test_an_unwritable_output_raises_an_output_error(detections: Path) -> None:
    with pytest.raises(OutputError):
        track_file(detections, detections / "tracks.txt", "sort", {})


@pytest.mark.parametrize("fill", [0, 5])
def test_rows_of_several_classes_include_the_class(tmp_path: Path, fill: int) -> None:
    file = tmp_path / "M1.txt"
    rows = [
        f"{frame},-1,{200 * number},20,60,40,0.9,{number if frame < 8 else 2},-1\n"
        for frame in (1, 2, 3, 4, 7, 8)
        for number in (3, 1)
    ]
    file.write_text("".join(rows))
    track_file(file, tmp_path / "tracks.txt", "sort", {"min_hits": 0, "max_age": 5}, fill=fill)
    written = [line.split(",") for line in (tmp_path / "tracks.txt").read_text().splitlines()]
    classes = {
        number: "".join(row[7] for row in written if row[2] == f"{200 * number}.00")
        for number in (3, 1)
    }
    gap = 2 if fill else 0
    assert classes == {3: "3" * (5 + gap) + "2", 1: "1" * (5 + gap) + "2"}


def test_every_file_in_a_folder_is_tracked(detections: Path, tmp_path: Path) -> None:
    (detections.parent / "MVI_0_Det_SpotNet.txt").write_text(ROWS[:60])
    output = tmp_path / "tracks"
    summaries = list(track_folder(detections.parent, output, "sort", {}))
    assert [each.output.stem for each in summaries] == ["MVI_0", "MVI_1"]
    assert sorted(path.name for path in output.iterdir()) == ["MVI_0.txt", "MVI_1.txt"]
    assert summaries[1].boxes == 10


def test_the_detections_of_a_run_are_tracked(tmp_path: Path) -> None:
    for name in ("MVI_0", "MVI_1"):
        (tmp_path / "results" / name).mkdir(parents=True)
        (tmp_path / "results" / name / "detections.txt").write_text(ROWS)
        (tmp_path / "results" / name / "mot.txt").write_text("")
    output = tmp_path / "tracks"
    summaries = track_folder(tmp_path / "results", output, "sort", {})
    assert {each.output.stem: each.boxes for each in summaries} == {
        "MVI_0": 10,
        "MVI_1": 10,
    }
    assert sorted(path.name for path in output.iterdir()) == ["MVI_0.txt", "MVI_1.txt"]


def test_detections_in_the_layout_of_motchallenge_are_tracked(tmp_path: Path) -> None:
    data = tmp_path / "train"
    for name in ("MOT17-02-FRCNN", "MOT17-04-FRCNN"):
        for file in ("det/det.txt", "gt/gt.txt", "seqinfo.ini"):
            (data / name / file).parent.mkdir(parents=True, exist_ok=True)
            (data / name / file).write_text(ROWS)
    for folder in (data, data / "MOT17-02-FRCNN" / "det"):
        output = tmp_path / "tracks"
        first, *more = [each.output for each in track_folder(folder, output, "sort", {})]
        assert first == output / "MOT17-02-FRCNN.txt"
        assert more == [output / "MOT17-04-FRCNN.txt"] * (folder == data)


def test_folders_that_cannot_be_tracked_are_refused(detections: Path, tmp_path: Path) -> None:
    folder = detections.parent
    with pytest.raises(ConfigError, match="nowhere does not exist"):
        list(track_folder(tmp_path / "nowhere", tmp_path / "tracks", "sort", {}))
    with pytest.raises(ConfigError, match="is the detections folder"):
        list(track_folder(folder, folder, "sort", {}))
    (folder / "MVI_1.txt").write_text(ROWS)
    with pytest.raises(ConfigError, match="both of sequence MVI_1"):
        list(track_folder(folder, tmp_path / "tracks", "sort", {}))
    (tmp_path / "bare").mkdir()
    with pytest.raises(ConfigError, match=r"has no .txt or .txt.gz file"):
        list(track_folder(tmp_path / "bare", tmp_path / "tracks", "sort", {}))


@pytest.mark.skipif(not PARITY.exists(), reason=f"{PARITY} is not there")
def test_a_public_sequence_gives_the_reference_tracks(tmp_path: Path) -> None:
    """Compares the boxes of every frame and the number of tracks with the reference."""
    output = tmp_path / "tracks.txt"
    summary = track_file(PARITY / "det" / "TUD-Campus.txt", output, "sort", {"max_age": 30})
    expected = np.loadtxt(PARITY / "expected" / "TUD-Campus_age30.txt", delimiter=",")
    actual = np.loadtxt(output, delimiter=",")
    assert summary.tracks == len(np.unique(expected[:, 1]))
    by_left = [table[np.lexsort((table[:, 2], table[:, 0]))] for table in (actual, expected)]
    np.testing.assert_array_equal(by_left[0][:, 0], by_left[1][:, 0])
    np.testing.assert_allclose(by_left[0][:, 2:6], by_left[1][:, 2:6], atol=0.0101)


def test_an_output_named_gz_is_refused(detections: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"out\.txt\.gz would hold plain text"):
        track_file(detections, tmp_path / "out.txt.gz", "sort", {})


def test_the_detections_are_not_overwritten(detections: Path) -> None:
    before = detections.read_bytes()
    with pytest.raises(ConfigError, match="is the detection file; choose another"):
        track_file(detections, detections, "sort", {})
    assert detections.read_bytes() == before


def test_the_results_of_a_run_are_not_overwritten(detections: Path, tmp_path: Path) -> None:
    (tmp_path / "mot.txt").write_text("of another tool")
    track_file(detections, tmp_path / "mot.txt", "sort", {})
    (tmp_path / "run.json").write_text("{}")
    with pytest.raises(ConfigError, match=r"mot\.txt is a result of a run; choose another"):
        track_file(detections, tmp_path / "mot.txt", "sort", {})
    track_file(detections, tmp_path / "sort.txt", "sort", {})


def test_a_tracker_other_than_the_configs_uses_its_own_defaults(tmp_path: Path) -> None:
    (tmp_path / "MVI_1.txt").write_text(ROWS)
    arguments = [
        *("track", "--config", "intersection", "--tracker", "bytetrack", "--set", "max_age=2"),
        *("--detections", str(tmp_path / "MVI_1.txt"), "--output", str(tmp_path / "tracks.txt")),
    ]
    result = CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    assert "1 track, " in result.output
    assert "frames/s by bytetrack" in result.output


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ([], True),
        (["--set", "min_score=0.3"], False),
        (["--tracker", "bytetrack"], False),
        (["--config", "uav"], False),
    ],
    ids=str,
)
def test_weak_detections_are_reported_if_sort_tracks_them(
    detections: Path, tmp_path: Path, options: list[str], expected: bool
) -> None:
    detections.write_text(ROWS + ROWS.replace("0.9", "0.1"))
    arguments = ["--detections", str(detections), "--output", str(tmp_path / "a.txt"), *options]
    result = CliRunner().invoke(app, ["track", *arguments], catch_exceptions=False)
    assert result.exit_code == 0
    assert result.stderr.count("\n") == expected
    assert ("50% of the detections have scores below 0.2, and SORT" in result.stderr) == expected


@pytest.mark.parametrize("folder", [False, True])
@pytest.mark.parametrize(
    ("options", "boxes", "is_suspicious"),
    [([], 8, False), (["--fill", "2"], 10, False), (["--frame-size", "20x20"], 8, True)],
    ids=str,
)
def test_fill_and_frame_size_options_are_applied(
    detections: Path,
    tmp_path: Path,
    folder: bool,
    options: list[str],
    boxes: int,
    is_suspicious: bool,
) -> None:
    lines = [f"{frame},1,{frame},2,30,40,0.9\n" for frame in (1, 2, 3, 4, 7, 8, 9, 10)]
    detections.write_text("".join(lines))
    given = detections.parent if folder else detections
    arguments = ["--detections", str(given), "--output", str(tmp_path / "tracks"), *options]
    settings = ["--set", "min_hits=0", "--set", "max_age=5"]
    result = CliRunner().invoke(app, ["track", *arguments, *settings], catch_exceptions=False)
    assert f": 1 track, {boxes} boxes in 10 frames, " in result.stdout
    assert ("are they its right and bottom?" in result.stderr) == is_suspicious


def test_warnings_are_reported_once_per_folder(detections: Path, tmp_path: Path) -> None:
    for name in ("MVI_2", "MVI_3"):
        (detections.parent / f"{name}.txt").write_text(ROWS.replace("0.9", "90"))
    arguments = ("--detections", str(detections.parent), "--output", str(tmp_path / "tracks"))
    result = CliRunner().invoke(app, ["track", *arguments], catch_exceptions=False)
    assert result.exit_code == 0
    [warning] = result.stderr.splitlines()
    assert warning.startswith(
        f"{detections.parent / 'MVI_2.txt'} and 1 other file: there are scores"
    )


def test_the_default_tracker_is_named(tmp_path: Path) -> None:
    """It differs from the default of `run`, whose detections may be the input."""
    (tmp_path / "MVI_1.txt").write_text(ROWS)
    arguments = ("--detections", str(tmp_path / "MVI_1.txt"), "--output", str(tmp_path / "t.txt"))
    result = CliRunner().invoke(app, ["track", *arguments], catch_exceptions=False)
    assert result.output.rstrip().endswith("by sort")


def test_an_unknown_tracker_is_refused(detections: Path, tmp_path: Path) -> None:
    arguments = ("--detections", str(detections), "--output", str(tmp_path / "t.txt"))
    result = CliRunner().invoke(app, ["track", *arguments, "--tracker", "sorted"])
    assert isinstance(result.exception, ConfigError)
    expected = "unknown tracker 'sorted'; the trackers are bytetrack, ocsort, sort, spottrack, or "
    assert str(result.exception).startswith(expected)


def test_a_malformed_file_keeps_what_was_printed_before_it(
    detections: Path, tmp_path: Path
) -> None:
    (detections.parent / "MVI_0.txt").write_text(ROWS)
    detections.write_text("1,1,1\n")
    output = tmp_path / "tracks"
    arguments = ("--detections", str(detections.parent), "--output", str(output))
    result = CliRunner().invoke(app, ["track", *arguments])
    assert isinstance(result.exception, ConfigError)
    assert "MVI_1_Det_SpotNet.txt:1: expected at least 7 columns" in str(result.exception)
    assert str(result.exception).endswith("; tracks of 1 of 2 files were written before")
    [line] = result.stdout.splitlines()
    assert line.startswith(f"{output / 'MVI_0.txt'}: 1 track, ")


def test_summaries_of_a_folder_are_yielded_as_files_are_written(
    detections: Path, tmp_path: Path
) -> None:
    (detections.parent / "MVI_2.txt").write_text(ROWS)
    output = tmp_path / "tracks"
    there = [
        (summary.output.name, len(list(output.iterdir())))
        for summary in track_folder(detections.parent, output, "sort", {})
    ]
    assert there == [("MVI_1.txt", 1), ("MVI_2.txt", 2)]
