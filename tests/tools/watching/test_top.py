from pathlib import Path

import pytest
from rich.console import Console

from pipeline.supervision.commands import RunEndedError
from pipeline.supervision.overview import Overview, ProcessView, StreamView
from pipeline.supervision.runtime_folder import RunInfo
from tools.watching.top import render, show_top, stream_table, streams


def lines_of(shown, width=100):
    """The lines that a terminal of this width shows."""
    console = Console(width=width)
    with console.capture() as capture:
        console.print(shown)
    return capture.get().splitlines()


def test_streams_and_processes_fit_a_terminal():
    overview = Overview(
        4711,
        "/data/live",
        3725.0,
        [
            StreamView(
                name="north",
                source="rtsp://north/stream",
                state="running",
                frames=90_000,
                fps=24.96,
                latency_ms=(8, 14, 31),
                dropped=5,
                reconnects=1,
            ),
            StreamView(name="south", source="rtsp://south/" + 200 * "x", state="connecting"),
        ],
        [ProcessView("detector", 12, "ready", 2), ProcessView("tracker", 0, "waiting", 0)],
    )
    lines = lines_of(render(overview, 100))
    assert "4711, 1:02:05, writes to /data/live" in lines[0]
    north = next(line for line in lines if line.startswith("north"))
    assert north.split() == [
        *("north", "running", "90000", "25.0", "8", "14", "31", "5", "1"),
        "rtsp://north/stream",
    ]
    assert sum(line.startswith("south") for line in lines) == 1
    assert len(lines) == 9
    assert all(len(line) <= 100 for line in lines)


def test_a_pipeline_is_shown_until_it_ends(monkeypatch, capsys):
    shown = [Overview(7, "out", seconds, [], []) for seconds in (62.0, 61.0)]

    def describe(run):
        if not shown:
            raise RunEndedError("the pipeline with process id 7 has ended")
        return shown.pop()

    monkeypatch.setattr("tools.watching.top.describe", describe)
    monkeypatch.setattr("tools.watching.top.is_terminal", lambda console: True)
    show_top(RunInfo(7, "out", Path("gone")), 0.0, once=False)
    assert capsys.readouterr().out.splitlines()[-1] == "the pipeline with process id 7 has ended"
    assert shown == []


def test_a_failed_stream_shows_its_error():
    north = StreamView(
        name="north",
        source="rtsp://north",
        state="failed",
        frames=12,
        error="rtsp://north: 401 Unauthorized",
    )
    _, row, _, reason = lines_of(streams(Overview(1, "out", 1.0, [north], []), 100))
    assert row.split()[:3] == ["north", "failed", "12"]
    assert reason == "north failed: rtsp://north: 401 Unauthorized"


def test_missing_frames_and_stuck_outputs_are_listed_below_the_table():
    missing = {
        "north": {"not_received": 1, "left_out_of_overlay": 11},
        "south": {"recording_is_stuck": True},
        "east": {"overlay_is_stuck": True},
        "west": {"left_out_of_overlay": 3, "overlay_is_stuck": True, "overlay_is_unsent": True},
    }
    streams_ = [
        StreamView(name=name, source="rtsp://cam", state="running", **fields)
        for name, fields in missing.items()
    ]
    assert lines_of(streams(Overview(1, "out", 1.0, streams_, []), 100))[5:] == [
        "",
        "north did not receive 1 frame",
        "the overlay of north lacks 11 frames",
        "the recording of south is stuck",
        "the overlay of east is stuck",
        "the overlay of west is stuck and lacks 3 frames and does not reach its server",
    ]


@pytest.mark.parametrize("width", [80, 100, 140])
def test_numbers_are_never_cut(width):
    name = "crossing-north-east-of-the-station-camera-2"
    stream = StreamView(
        name=name,
        source="rtsp://north",
        state="running",
        frames=30_412_345,
        fps=24.96,
        latency_ms=(123, 1144, 2231),
        dropped=12_345,
        reconnects=17,
    )
    _, row = lines_of(stream_table(Overview(1, "out", 1.0, [stream], []), width), width)
    assert row.startswith("crossing-n")
    for number in ("30412345", "25.0", "123", "1144", "2231", "12345", "17"):
        assert number in row.split()
