from rich.console import Console

from pipeline.overview import Overview, ProcessView, StreamView
from tools.top import render


def test_streams_and_processes_fit_a_terminal():
    overview = Overview(
        4711,
        "/data/live",
        3725.0,
        [
            StreamView("north", "rtsp://north/stream", "running", 90_000, 24.96, (8, 14, 31), 5, 1),
            StreamView("south", "rtsp://south/" + 200 * "x", "connecting"),
        ],
        [ProcessView("detector", 12, "ready", 2), ProcessView("tracker", 0, "waiting", 0)],
    )
    console = Console(width=100)
    with console.capture() as capture:
        console.print(render(overview))
    lines = capture.get().splitlines()
    assert "4711, 1:02:05, writes to /data/live" in lines[0]
    north = next(line for line in lines if line.startswith("north"))
    assert north.split() == [
        *("north", "running", "90000", "25.0", "8", "14", "31", "5", "1"),
        "rtsp://north/stream",
    ]
    assert sum(line.startswith("south") for line in lines) == 1
    assert len(lines) == 9
    assert all(len(line) <= 100 for line in lines)
