"""Tracks without times: of other programs, of ``spotstream track``, and ground truth."""

from __future__ import annotations

import csv
import gzip
import json
from fractions import Fraction
from functools import partial
from pathlib import Path

import pytest

from stages.errors import ConfigError
from stages.result_files import TIMES, TRACKS, VIEWS, files_of
from tests.tools.annotations.detrac_file import annotation, frame, target
from tests.tools.invoking import output_of
from tools.counting.counts import TABLES
from tools.counting.track_file import TrackFile, track_files
from tools.harness.material import detections_of, detections_setting, make_clip
from tools.harness.runner import run_with
from tools.results.rows import rows

count = partial(output_of, "count")

DRAWN = [
    f"sink.lines={json.dumps({'clip': {f'x{x}': [x, 0, x + 9, 120] for x in range(10, 160, 10)}})}",
    f"sink.zones={json.dumps({'clip': {'east': [[80, 0], [160, 0], [160, 120], [80, 120]]}})}",
]
SET = [each for drawn in DRAWN for each in ("--set", drawn)]
LINE = ("--set", "sink.lines={'*': {gate: [50, 0, 50, 99]}}")
RATE = ("--frame-rate", "25")


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Results of a run with three classes."""
    folder = tmp_path_factory.mktemp("run")
    clip = make_clip(folder / "material", 250)
    found = [row.split(",") for row in detections_of(clip).read_text().splitlines()]
    uavdt = [(frame, "-1", *box, str(1 + int(track) % 3), "-1") for frame, track, *box in found]
    detections_of(clip).write_text("".join(f"{','.join(row)}\n" for row in uavdt))
    settings = [detections_setting(clip), *DRAWN, "sink.overlay=false", "sink.text_minutes=0.05"]
    run_with([str(clip)], folder / "results", settings)
    return folder / "results"


def tracks_of(results: Path) -> list[str]:
    """Returns the rows of all tracks, sorted by id."""
    parts = files_of(results / "clip", TRACKS)
    assert len(parts) > 1
    tracks = "".join(part.read_text() for part in parts).splitlines(keepends=True)
    return sorted(tracks, key=lambda row: int(row.split(",")[1]))


def tables(output: Path, *arguments: object) -> dict[str, list[dict[str, str]]]:
    count(*arguments, "--minutes", "0.1", "--output", output)
    found = {}
    for name in TABLES:
        with (output / f"{name}.csv").open(newline="") as lines:
            found[name] = [*csv.DictReader(lines)]
    return found


def test_tables_equal_those_of_the_run(results: Path, tmp_path: Path) -> None:
    own = tables(tmp_path / "own", results)
    assert all(own.values())
    assert {row["class"] for row in own["crossings"]} == {"car", "truck", "bus"}
    for table in own.values():  # files of tracks have only the numbers of the classes
        for row in table:
            row["class"] = {"car": "1", "truck": "2", "bus": "3"}[row["class"]]
        table.sort(key=lambda row: [*row.values()])
    text = "".join(tracks_of(results))
    (tmp_path / "a" / "clip").mkdir(parents=True)
    (tmp_path / "a" / "clip" / TRACKS).write_text(text)
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "clip.txt.gz").write_bytes(gzip.compress(text.encode()))
    folders = (tmp_path / "a", tmp_path / "b")
    for source in (*folders, *(file for folder in folders for file in folder.rglob("*.*"))):
        again = tables(tmp_path / "again", source, *SET, *RATE)
        for table in again.values():
            table.sort(key=lambda row: [*row.values()])
        assert again == own


def test_all_parts_of_a_run_without_times_are_counted(results: Path, tmp_path: Path) -> None:
    folder = tmp_path / "clip"
    folder.mkdir()
    for part in files_of(results / "clip", TRACKS):
        (folder / f"{part.name}.gz").write_bytes(gzip.compress(part.read_bytes()))
    assert len([*folder.iterdir()]) > 1
    whole = tmp_path / "whole" / "clip.txt"
    whole.parent.mkdir()
    whole.write_text("".join(tracks_of(results)))
    expected = tables(tmp_path / "tables", whole, *SET, *RATE)
    assert tables(tmp_path / "tables", tmp_path / "clip", *SET, *RATE) == expected


@pytest.mark.parametrize(
    ("named", "vehicles"),
    [
        (("clip/mot.txt", "clip/mot-2.txt"), "2"),  # clip/mot*.txt
        (("clip", "clip/mot-2.txt"), "2"),
        (("trk", "trk/clip.txt"), "1"),
        (("both",), "1"),
        (("both/clip.txt", "both/clip.txt.gz"), "1"),
    ],
)
def test_tracks_are_counted_once_however_often_they_are_named(
    tmp_path: Path, named: tuple[str, ...], vehicles: str
) -> None:
    for folder in ("clip", "trk", "both"):
        (tmp_path / folder).mkdir()
    first, second = (
        "".join(f"{n},{track},{20 * n},20,20,20,0.9,-1,-1,-1\n" for n in range(1, 6))
        for track in (7, 8)
    )
    (tmp_path / "clip" / "mot.txt").write_text(first)
    (tmp_path / "clip" / "mot-2.txt").write_text(second)
    for folder in ("trk", "both"):
        (tmp_path / folder / "clip.txt").write_text(first)
    (tmp_path / "both" / "clip.txt.gz").write_bytes(gzip.compress(first.encode()))
    sources = [tmp_path / name for name in named]
    [row] = tables(tmp_path / "tables", *sources, *LINE, *RATE)["crossings"]
    assert (row["stream"], row["vehicles"]) == ("clip", vehicles)


def test_times_are_those_of_the_run(results: Path) -> None:
    file = TrackFile.read(results / "clip", Fraction(25))
    assert [*file.times()] == [*rows(results / "clip", TIMES, int, str)]


def test_tracks_of_the_command_track_are_counted(results: Path, tmp_path: Path) -> None:
    clip = results.parent / "material" / "clip.mp4"
    (tmp_path / "found").mkdir()
    (tmp_path / "found" / "clip.txt").write_text(detections_of(clip).read_text())
    output_of("track", "--config", "intersection", "--detections", tmp_path / "found",
              "--output", tmp_path / "tracks")  # fmt: skip
    printed = count(tmp_path / "tracks", *SET, *RATE)
    assert all(f"clip: {name}" in printed for name in ("crossings", "turns", "zones"))


@pytest.mark.parametrize("rest", ["", ",1", ",0.9,-1,-1", ",0.9,-1,-1,-1"])
def test_rows_of_other_programs_have_six_columns_or_more(tmp_path: Path, rest: str) -> None:
    found = [f"{n},{i},{20 * n},{3 * i},20,20{rest}\n" for i in (7, 8) for n in range(1, 6)]
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / TRACKS).write_text("".join(found))
    (tmp_path / "east.txt").write_text("".join(found))
    crossings = tables(tmp_path / "tables", tmp_path, *LINE, *RATE)["crossings"]
    assert [(each["stream"], each["class"], each["vehicles"]) for each in crossings] == [
        ("east", "", "2"),
        ("own", "", "2"),
    ]


def test_ground_truth_is_counted_without_rows_that_are_not_scored(tmp_path: Path) -> None:
    found = [f"{n},{i},{20 * n},20,20,20,{i % 2},3,1\n" for i in (7, 8) for n in range(1, 6)]
    folder = tmp_path / "truth" / "A" / "gt"
    folder.mkdir(parents=True)
    (folder / "gt.txt").write_text("".join(found))
    for source in (tmp_path / "truth", folder / "gt.txt"):
        [row] = tables(tmp_path / "tables", source, *LINE, *RATE)["crossings"]
        assert (row["stream"], row["class"], row["vehicles"]) == ("A", "3", "1")


def test_ground_truth_named_from_beside_it_has_its_sequence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("gt", "img1"):
        (tmp_path / "A" / name).mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "A" / "img1")
    assert [*track_files([Path("../gt/gt.txt")])] == ["A"]


def test_all_kinds_of_files_in_a_folder_are_counted(tmp_path: Path) -> None:
    text = "".join(f"{n},7,{20 * n},20,20,20,1,1,1\n" for n in range(1, 6))
    for name in ("A/gt/gt.txt", "B/gt/gt.txt.gz", "C.txt", "D.txt.gz", "E/mot.txt"):
        file = tmp_path / "found" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(gzip.compress(text.encode()) if name.endswith(".gz") else text.encode())
    (tmp_path / "found" / "F.xml").write_text(annotation(frame(1, target(7, left=9))))
    (tmp_path / "found" / "._C.txt").write_text("of macOS")
    assert "".join(track_files([tmp_path / "found"])) == "ABCDEF"
    crossings = tables(tmp_path / "tables", tmp_path / "found", *LINE, *RATE)["crossings"]
    assert [(row["stream"], row["vehicles"]) for row in crossings] == [
        (name, "1") for name in "ABCDE"
    ]


def test_ua_detrac_annotations_are_counted_with_their_classes(tmp_path: Path) -> None:
    file = tmp_path / "truth" / "MVI_1.xml"
    file.parent.mkdir()
    file.write_text(annotation("".join(frame(n, target(7, left=20 * n)) for n in range(1, 6))))
    for source in (file.parent, file):
        [row] = tables(tmp_path / "tables", source, *LINE, *RATE)["crossings"]
        assert (row["stream"], row["class"], row["vehicles"]) == ("MVI_1", "car", "1")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((*LINE,), "east.txt is a file; for tracks without times, give --config and --frame-rate"),
        ((*RATE,), "--frame-rate is for counting on tracks; give --config or --set as well"),
        ((*LINE, "--frame-rate", "fast"), "--frame-rate fast: must be a number or fraction"),
        ((*LINE, *RATE, "--start", "west=2026-05-04"), "no stream west; there are east"),
    ],
)
def test_wrong_options_are_reported(
    tmp_path: Path, arguments: tuple[str, ...], message: str
) -> None:
    (tmp_path / "east.txt").write_text("1,7,0,10,20,20\n")
    with pytest.raises(ConfigError, match=message):
        count(tmp_path / "east.txt", *arguments)


def test_a_folder_of_tracks_needs_the_frame_rate(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"^no tracks \(.*, NAME/gt/gt\.txt, NAME\.xml\) in /"):
        count(tmp_path, *LINE, *RATE)
    (tmp_path / "east.txt").write_text("1,7,0,10,20,20\n")
    with pytest.raises(ConfigError, match=r"\(NAME\.txt\) need the --frame-rate of the video"):
        count(tmp_path, *LINE)
    (tmp_path / TRACKS).write_text("1,7,0,10,20,20,0.9,-1,-1,-1\n")
    with pytest.raises(ConfigError, match="has none; if the video was recorded, give its --frame-"):
        count(tmp_path, *LINE)


@pytest.mark.parametrize("name", [TIMES, f".{TIMES}.part", "times-2.txt.gz"])
def test_the_frame_rate_is_refused_where_times_are_known(tmp_path: Path, name: str) -> None:
    (tmp_path / TRACKS).write_text("1,7,0,10,20,20,0.9,-1,-1,-1\n")
    (tmp_path / name).write_text("1,0.0\n")
    for source in (tmp_path, tmp_path / TRACKS):
        with pytest.raises(ConfigError, match=r" has times\.txt; count it without --frame-rate"):
            track_files([source])


def test_malformed_rows_are_reported_with_file_and_line(tmp_path: Path) -> None:
    (tmp_path / "east.txt").write_text("1,7,0,10,20,20\n1,7,0,10,20,20\n")
    with pytest.raises(ConfigError, match=r"east\.txt:2: id 7 occurs twice in frame 1"):
        count(tmp_path, *LINE, *RATE)
    (tmp_path / "east.txt").write_text("1,-1,0,10,20,20,0.9\n")
    with pytest.raises(ConfigError, match=r"east\.txt holds detections, not tracks"):
        count(tmp_path, *LINE, *RATE)


def test_a_file_without_tracks_has_no_counts(tmp_path: Path) -> None:
    (tmp_path / "east.txt").write_text("")
    assert "east: no vehicle crossed a line" in count(tmp_path, *LINE, *RATE)


def test_times_of_a_fractional_frame_rate(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("31,7,0,10,20,20\n")
    file = TrackFile.read(tmp_path / "a.txt", Fraction(30000, 1001))
    assert [*file.times()][-1] == (31, "1.001")


def test_other_results_beside_tracks_are_no_tracks(tmp_path: Path) -> None:
    (tmp_path / TRACKS).write_text("1,7,0,10,20,20\n")
    (tmp_path / "detections.txt").write_text("1,-1,0,10,20,20,0.9\n")
    assert [*track_files([tmp_path])] == [tmp_path.name]


def test_a_file_named_in_two_ways_is_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.txt").write_text("1,7,0,0,9,9\n")
    monkeypatch.chdir(tmp_path)
    [files] = track_files([tmp_path, Path("a.txt")]).values()
    assert len(files) == 1


def test_tracks_of_a_moving_camera_need_their_times(tmp_path: Path) -> None:
    for name in (TRACKS, VIEWS):
        (tmp_path / name).touch()
    with pytest.raises(ConfigError, match=r" has views\.txt of a moving camera, but no times\.txt"):
        track_files([tmp_path])
