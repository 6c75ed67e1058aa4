"""``spotstream count``, from a run to its tables."""

import csv
import json
import re
import shutil
from functools import partial
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from stages.errors import ConfigError, OutputError
from stages.result_files import CROSSINGS, REPORT, TIMES, TRACKS, ZONES
from tests.tools.invoking import output_of
from tools.main import app

count = partial(output_of, "count")

HEADERS = {
    f"{name}.csv": f"stream,begin,utc_offset,frames,{columns}\n"
    for name, columns in {
        "crossings": "line,direction,class,vehicles,mean_km_h,p85_km_h",
        "turns": "from,to,class,vehicles,mean_travel_s,p85_travel_s",
        "zones": "zone,class,entered,left,lost,mean_stay_s,long_stays,mean_vehicles,max_vehicles",
    }.items()
}


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """Results of two streams, in each of which one vehicle crossed a line."""
    for stream in ("east", "west"):
        folder = tmp_path / "results" / stream
        folder.mkdir(parents=True)
        (folder / TIMES).write_text("1,0.0\n")
        (folder / CROSSINGS).write_text("1,0.0,7,vehicle,gate,left\n")
    return tmp_path / "results"


def rows(file: Path) -> list[dict[str, str]]:
    with file.open(newline="") as lines:
        return [*csv.DictReader(lines)]


def test_tables_cover_all_streams(results: Path, tmp_path: Path) -> None:
    output = tmp_path / "tables" / "may"
    output.mkdir(parents=True)
    (output / "turns.csv").write_text("of an earlier count")
    printed = count(
        *(results, "--output", output),
        *("--start", "2026-05-04T07:05", "--start", "west=2026-05-05", "--minutes", "5"),
    )
    assert (output / "crossings.csv").read_text().startswith(HEADERS["crossings.csv"])
    for name in ("turns.csv", "zones.csv"):
        assert (output / name).read_text() == HEADERS[name]
        assert f"{output / name}: written, without rows\n" in printed
    east, west = rows(output / "crossings.csv")
    assert east == {
        "stream": "east", "begin": "2026-05-04 07:05:00", "utc_offset": "", "frames": "1",
        "line": "gate", "direction": "left", "class": "vehicle", "vehicles": "1",
        "mean_km_h": "", "p85_km_h": "",
    }  # fmt: skip
    assert (west["stream"], west["begin"]) == ("west", "2026-05-05 00:00:00")
    assert "east: crossings" in printed
    assert f"{output / 'crossings.csv'}: written\n" in printed


def test_nothing_is_written_unless_a_folder_is_given(
    results: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (results / "east" / ZONES).write_text("1,0.0,7,vehicle,stop,enter,0.000\n")
    printed = count(results / "east")
    assert all(f"east: {table}" in printed for table in ("crossings", "zones"))
    assert {path.name for path in tmp_path.rglob("*.*")} == {TIMES, CROSSINGS, ZONES}


def test_totals_are_printed_by_class_only_where_there_are_several(results: Path) -> None:
    more = "1,0.0,8,,gate,left\n"  # of a run whose classes are not known yet
    with (results / "east" / CROSSINGS).open("a") as file:
        file.write(more)
    (results / "west" / CROSSINGS).write_text("1,0.0,7,car,gate,left\n1,0.0,8,bus,gate,left\n")
    east, west = count(results).split("west: crossings")

    def cells(printed: str) -> list[list[str]]:
        lines = [re.split("[│┃]", line) for line in printed.splitlines() if line[:1] in "│┃"]
        return [[cell.strip() for cell in line[1:-1]] for line in lines]

    speeds = ["mean_km_h", "p85_km_h"]
    assert cells(east) == [
        ["line", "direction", "vehicles", *speeds],
        ["gate", "left", "2", "", ""],
    ]
    assert cells(west) == [
        ["line", "direction", "class", "vehicles", *speeds],
        ["gate", "left", "all", "2", "", ""],
        ["gate", "left", "bus", "1", "", ""],
        ["gate", "left", "car", "1", "", ""],
    ]


def test_local_times_are_in_the_given_time_zone(results: Path, tmp_path: Path) -> None:
    for file in (TIMES, CROSSINGS):
        path = results / "east" / file
        path.write_text(path.read_text().replace("1,0.0", "1,2026-05-04T10:00:00.120+00:00"))
    count(results, "--timezone", "Asia/Kolkata", "--output", tmp_path)
    row = rows(tmp_path / "crossings.csv")[0]
    assert (row["begin"], row["utc_offset"]) == ("2026-05-04 15:30:00", "+05:30")


@pytest.mark.parametrize("start", ["2026-05-04", "east=2026-05-04"])
def test_a_start_is_reported_as_ignored_where_the_times_are_known(
    results: Path, start: str
) -> None:
    (results / "east" / TIMES).write_text("1,2026-05-04T10:00:00.120+00:00\n")
    printed = count(results, "--start", start)
    assert "spotstream: --start is ignored for east: the times are known\n" in printed
    assert "is ignored" not in count(results, "--start", "west=2026-05-04")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--timezone", "Mars/Olympus"], "no zone Mars/Olympus"),
        (["--timezone", "/etc"], "no zone /etc"),
        (["--timezone", "Europe"], "no zone Europe"),
        (["--start", "noon"], "--start noon: expected a local time"),
        (["--start", "2026-05-04T07:00+02:00"], "expected a local time"),
        (["--start", "north=2026-05-04"], "no stream north; there are east, west"),
        (["--start", "2026-05-04", "--start", "2026-05-05"], "--start is given twice for all"),
        (["--start", "east=2026-05-04"] * 2, "--start is given twice for east"),
    ],
)
def test_wrong_options_are_reported(results: Path, arguments: list[str], message: str) -> None:
    with pytest.raises(ConfigError, match=message.replace("+", r"\+")):
        count(results, *arguments)


@pytest.mark.parametrize("minutes", ["0.1", "0.5", "20", "60", "180", "1440"])
def test_intervals_divide_an_hour_or_a_day_into_hours(results: Path, minutes: str) -> None:
    assert "east: crossings" in count(results, "--minutes", minutes)


@pytest.mark.parametrize("minutes", ["7", "45", "90", "300", "0.11"])
def test_other_intervals_are_refused(results: Path, minutes: str) -> None:
    with pytest.raises(typer.BadParameter, match=f"^{minutes} minutes do not divide an hour"):
        CliRunner().invoke(
            app,
            ["count", str(results), "--minutes", minutes],
            standalone_mode=False,
            catch_exceptions=False,
        )


def test_a_stream_without_crossings_is_reported(results: Path, tmp_path: Path) -> None:
    (results / "east" / CROSSINGS).write_text("")
    output = tmp_path / "tables"
    output.mkdir()
    (output / "crossings.csv").write_text("of an earlier count")
    printed = count(results / "east", "--output", output)
    assert "east: no vehicle crossed a line or entered a zone in 1 frame\n" in printed
    assert "crossings.csv: written, without rows" in printed
    assert {path.name: path.read_text() for path in output.iterdir()} == HEADERS


def test_counts_that_cannot_be_written_are_shown(results: Path, tmp_path: Path) -> None:
    (tmp_path / "crossings.csv").symlink_to("/dev/full")
    done = CliRunner().invoke(app, ["count", str(results), "--output", str(tmp_path)])
    assert isinstance(done.exception, OutputError)
    assert "crossings.csv: no space left on device" in str(done.exception)
    assert "east: crossings" in done.output


def test_several_runs_of_a_stream_are_reported(results: Path, tmp_path: Path) -> None:
    shutil.copytree(results / "east", tmp_path / "again" / "east")
    assert "east: crossings, of 2 runs" in count(results, tmp_path / "again")


def test_a_folder_without_counts_is_reported(tmp_path: Path) -> None:
    with pytest.raises(
        ConfigError, match=r"^no counts \(crossings\.txt, zones\.txt\) in /.*; runs"
    ):
        count(tmp_path)


@pytest.fixture
def tracked(tmp_path: Path) -> Path:
    """Results of two streams, without lines, in each of which one vehicle drove to the right."""
    for stream in ("east", "west"):
        folder = tmp_path / "tracked" / stream
        folder.mkdir(parents=True)
        (folder / TIMES).write_text("1,0.000\n2,0.040\n")
        (folder / TRACKS).write_text(
            "".join(f"{n},7,{40 * n},10,20,20,0.9,-1,-1,-1\n" for n in (1, 2))
        )
        (folder / REPORT).write_text('{"class_names": ["vehicle"], "frame_size": [128, 96]}')
    return tmp_path / "tracked"


def test_lines_drawn_afterwards_are_counted_on_tracks(tracked: Path, tmp_path: Path) -> None:
    config = tmp_path / "own.yaml"
    config.write_text(
        "sink:\n  lines:\n    '*': {gate: [70, 0, 70, 90]}\n    east: {far: [0, 999, 9, 999]}\n"
    )
    output = tmp_path / "tables"
    printed = count(tracked, "--config", config, "--output", output, "--start", "2026-05-04")
    found = [(row["stream"], row["line"], row["class"]) for row in rows(output / "crossings.csv")]
    assert found == [("east", "gate", "vehicle"), ("west", "gate", "vehicle")]
    assert "spotstream: east: line 'far' lies outside the frame of 128x96" in printed
    assert "left out" not in printed
    assert "no stream" not in printed


def test_lines_and_zones_for_unknown_streams_are_reported(tracked: Path) -> None:
    lines = "sink.lines={'*': {gate: [70, 0, 70, 90]}, eats: {far: [30, 0, 30, 90]}}"
    zones = "sink.zones={wets: {box: [[0, 0], [99, 0], [99, 90]]}}"
    printed = count(tracked, "--set", lines, "--set", zones)
    for key, name in (("lines", "eats"), ("zones", "wets")):
        expected = f"spotstream: sink.{key}: no stream is called {name}; there are east, west\n"
        assert expected in printed


def test_streams_without_lines_and_zones_are_left_out(tracked: Path) -> None:
    drawn = "sink.zones={west: {box: [[0, 0], [99, 0], [99, 90]]}}"
    printed = count(tracked, "--set", drawn, "--start", "east=2026-05-04")
    assert "sink.lines and sink.zones have nothing for them: east\n" in printed
    assert "west: zones" in printed
    assert "east: " not in printed


def test_counts_of_runs_are_ignored_where_lines_are_given(results: Path, tracked: Path) -> None:
    shutil.copytree(tracked / "east", results / "east", dirs_exist_ok=True)
    drawn = "sink.lines={east: {new: [70, 0, 70, 90]}}"
    printed = count(results, "--set", drawn)
    assert "new" in printed
    assert "gate" not in printed


@pytest.mark.parametrize(
    ("folder", "message"),
    [("results", r"^no tracks \(mot\.txt\) in /"), ("tracked", "nothing for east, west: they are")],
)
def test_nothing_to_count_again_is_reported(
    results: Path, tracked: Path, folder: str, message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        count(results.parent / folder, "--set", "sink.lines={north: {new: [70, 0, 70, 90]}}")


def test_lines_on_a_picture_of_a_moving_camera_are_refused(tracked: Path) -> None:
    drawn = "sink.lines={east: {new: [70, 0, 70, 90]}}"
    with pytest.raises(ConfigError, match=r"^decoder\.reference: east is to be counted on view"):
        count(tracked, "--set", drawn, "--set", "decoder.reference={east: view.png}")
    assert "new" in count(tracked, "--set", drawn, "--set", "decoder.reference={west: view.png}")


def test_tracks_of_a_moving_camera_are_refused(results: Path, tracked: Path) -> None:
    shutil.copytree(tracked / "east", results / "east", dirs_exist_ok=True)
    report = {"config": {"decoder": {"reference": {"*": "view.png"}}}}
    (results / "east" / "run.json").write_text(json.dumps(report))
    with pytest.raises(ConfigError, match=r"east: its camera moved \(decoder\.reference: /.*view"):
        count(results, "--set", "sink.lines={east: {new: [70, 0, 70, 90]}}")
