"""The program of docs/results.md counts crossings, of cameras and of recorded video."""

import json

import pytest

from stages.atomic import part_path
from stages.result_files import CROSSINGS, REPORT, TRACKS, numbered
from tests.documentation import run_program

pd = pytest.importorskip("pandas")


def write(folder, times, number=1, *, after=0, named=True, line="exit"):
    """Writes file ``number`` of a stream: vehicle 1 crosses in each frame behind ``after``."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = {
        CROSSINGS: f"{{frame}},{{time}},1,vehicle,{line},left\n",
        TRACKS: "{frame},1,10.00,20.00,30.00,40.00,0.9000,-1,-1,-1\n",
    }
    for name, row in rows.items():
        path = folder / numbered(name, number)
        text = [row.format(frame=frame, time=time) for frame, time in enumerate(times, after + 1)]
        (path if named else part_path(path)).write_text("".join(text))


@pytest.fixture
def live(tmp_path):
    return tmp_path / "live"


@pytest.fixture
def counted(tmp_path, monkeypatch):
    """Runs the program; returns its crossings and the quarter of an hour of each."""

    def counted():
        variables = run_program("results.md", "pandas", tmp_path, monkeypatch)
        crossings, quarters = variables["crossings"], variables["quarter"].tolist()
        assert len(crossings) == len(variables["places"]) == len(quarters)
        return crossings, quarters

    return counted


def test_cameras_are_counted_in_local_time(live, counted, capsys):
    """Also in the hour that comes twice."""
    times = [f"2026-10-25T0{hour}:31:00.120+00:00" for hour in (0, 1)]
    write(live / "run" / "east", times[:1])
    write(live / "run" / "east", times[1:], 2, after=1)
    _, quarters = counted()
    assert [str(each) for each in quarters] == [
        "2026-10-25 02:30:00+02:00",
        "2026-10-25 02:30:00+01:00",
    ]
    assert "east exit left 2026-10-25 02:30:00+02:00 1" in " ".join(capsys.readouterr().out.split())


def test_recorded_video_is_counted_from_its_beginning(live, counted):
    write(live / "run" / "east", ["0.040", "899.960"])
    write(live / "run" / "east", [], 2)
    write(live / "run" / "east", ["900.000"], 3, after=2)
    _, quarters = counted()
    assert quarters == [pd.Timedelta(minutes=each) for each in (0, 0, 15)]


def test_what_a_killed_run_left_is_counted_once_and_up_to_its_last_whole_line(live, counted):
    folder = live / "run" / "east"
    write(folder, ["0.040"])
    write(folder, ["0.040"], named=False)  # a sink that began anew was killed
    write(folder, ["60.000"], 2, after=1, named=False)
    with part_path(folder / numbered(CROSSINGS, 2)).open("a") as cut_off:
        cut_off.write("3,61.000,2,vehicle,exit,le")
    crossings, _ = counted()
    assert crossings["frame"].tolist() == [1, 2]
    assert crossings["direction"].tolist() == ["left", "left"]


def test_a_stream_that_was_added_again_is_one_camera(live, counted):
    write(live / "run" / "south", ["0.040"], named=False)
    for earlier in ("south-earlier", "south-earlier-2"):
        write(live / "run" / earlier, ["0.040"])
        (live / "run" / earlier / REPORT).write_text(json.dumps({"stream": "south"}))
    write(live / "run" / "north-earlier", ["0.040"])  # that is what this camera is called
    crossings, _ = counted()
    assert crossings.groupby("stream").size().to_dict() == {"north-earlier": 1, "south": 3}


def test_names_of_lines_are_taken_as_they_are(live, counted):
    """Not as missing values, or as numbers."""
    for number, line in enumerate(("NA", "01", "1"), 1):
        write(live / "run" / "east", ["0.040"], number, after=number - 1, line=line)
    crossings, _ = counted()
    assert crossings.groupby("line").size().to_dict() == {"01": 1, "1": 1, "NA": 1}


def test_turns_lead_from_the_first_line_of_a_vehicle_to_its_last(live, counted, capsys):
    write(live / "run" / "east", [])
    rows = [(1, 7, "west"), (2, 8, "west"), (3, 9, "north"), (4, 7, "middle"), (5, 7, "south")]
    rows += [(6, 9, "south"), (7, 10, "west"), (8, 10, "south")]
    (live / "run" / "east" / CROSSINGS).write_text(
        "".join(f"{frame},0.040,{i},vehicle,{line},left\n" for frame, i, line in rows)
    )
    (live / "run" / "east" / TRACKS).write_text(
        "".join(f"{frame},{i},1.00,2.00,3.00,4.00,0.9000,-1,-1,-1\n" for frame, i, _ in rows)
    )
    counted()
    printed = capsys.readouterr().out.splitlines()
    assert "east north south 1" in " ".join(" ".join(printed).split())
    assert any(line.split() == ["west", "south", "2"] for line in printed)


def test_a_run_without_lines_is_told(live, counted):
    live.mkdir()
    with pytest.raises(SystemExit, match=r"sink\.lines"):
        counted()


def test_a_stream_that_nobody_has_crossed_yet_counts_nothing(live, counted):
    write(live / "run" / "east", [], named=False)
    crossings, quarters = counted()
    assert len(crossings) == len(quarters) == 0
