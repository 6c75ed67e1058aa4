"""The program of docs/results.md counts crossings, of cameras and of recorded video."""

import pytest

from tests.documentation import run_program

pd = pytest.importorskip("pandas")


def quarters(folder, monkeypatch, *parts):
    """Runs the program on parts of a stream in which vehicle 1 crosses in frames 1, 2, …."""
    stream = folder / "live" / "run" / "east"
    stream.mkdir(parents=True)
    frame = 0
    for number, times in enumerate(parts, 1):
        suffix = "" if number == 1 else f"-{number}"
        crossings, tracks = [], []
        for time in times:
            frame += 1
            crossings.append(f"{frame},{time},1,vehicle,exit,left\n")
            tracks.append(f"{frame},1,10.00,20.00,30.00,40.00,0.9000,-1,-1,-1\n")
        (stream / f"crossings{suffix}.txt").write_text("".join(crossings))
        (stream / f"mot{suffix}.txt").write_text("".join(tracks))
    variables = run_program("results.md", "pandas", folder, monkeypatch)
    assert len(variables["crossings"]) == len(variables["tracks"]) == frame
    return variables["quarter"].tolist()


def test_cameras_are_counted_in_local_time(tmp_path, monkeypatch, capsys):
    """Also in the hour that comes twice."""
    times = [f"2026-10-25T0{hour}:31:00.120+00:00" for hour in (0, 1)]
    found = quarters(tmp_path, monkeypatch, times[:1], times[1:])
    assert [str(each) for each in found] == [
        "2026-10-25 02:30:00+02:00",
        "2026-10-25 02:30:00+01:00",
    ]
    assert "east exit left 2026-10-25 02:30:00+02:00 1" in " ".join(capsys.readouterr().out.split())


def test_recorded_video_is_counted_from_its_beginning(tmp_path, monkeypatch):
    found = quarters(tmp_path, monkeypatch, ["0.040", "899.960"], [], ["900.000"])
    assert found == [pd.Timedelta(minutes=each) for each in (0, 0, 15)]
