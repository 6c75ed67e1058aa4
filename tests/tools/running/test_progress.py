import io

import pytest
from msgspec import structs
from rich.console import Console

from pipeline.reports import Done, Failed, Notice, Progress, StreamMetrics
from stages.result_files import StreamStatus
from tests.summaries import summary
from tools.running.progress import ProgressView


@pytest.fixture
def output():
    return io.StringIO()


@pytest.fixture
def view(output):
    return ProgressView(Console(file=output))


def failed(stream, message="401 Unauthorized"):
    return Failed("decoder", stream=stream, message=message)


def done(stream, message):
    metrics = StreamMetrics(frames=9, dropped={}, connections=0, durations={})
    truncated = summary(9, StreamStatus.TRUNCATED)
    return Done("sink", stream=stream, message=message, summary=truncated, metrics=metrics)


def progress(stream, frames, dropped=0):
    return Progress(
        "sink", stream=stream, frames=frames, dropped=dropped, total=None, work_ms={}, metrics=None
    )


def test_failures_that_do_not_end_the_run_are_shown(view, output):
    view.show(failed("north"))
    view.show(Failed("sink", message="no space left on device"))
    view.show(Notice("decoder", stream="south", message="connecting again"))
    view.show(Failed("sink", stream="south", message="the folder was removed"))
    assert output.getvalue().splitlines() == [
        "north: 401 Unauthorized",
        "south: connecting again",
        "south: the folder was removed",
    ]


@pytest.mark.parametrize("path", ["/data/[day]/a.jpg", "/data[/b]", "/data/:car:.jpg"])
def test_messages_are_shown_verbatim(view, output, path):
    view.show(Notice("decoder", stream="north", message=f"cannot read {path}"))
    assert output.getvalue() == f"north: cannot read {path}\n"


def test_failures_are_forgotten_once_another_stream_progresses(output):
    now = [0.0]
    view = ProgressView(Console(file=output), lambda: now[0])
    view.show(progress("south", 5))
    view.show(failed("north"))
    now[0] = 5.0
    view.show(progress("north", 7))
    view.show(progress("south", 5))
    assert list(view.failed) == ["north"]
    view.show(progress("south", 6))
    view.show(failed("south"))
    assert list(view.failed) == ["south"]


def test_streams_that_fail_together_are_shown_once(output):
    now = [0.0]
    view = ProgressView(Console(file=output), lambda: now[0])
    for stream in ("north", "south"):
        view.show(progress(stream, 5))
    for stream, other in (("north", "south"), ("south", "north")):
        view.show(failed(stream))
        now[0] += 1.0
        view.show(progress(other, 8))
    for stream in ("south", "north"):
        view.show(done(stream, "401 Unauthorized"))
    assert list(view.failed) == ["north", "south"]
    assert output.getvalue().splitlines() == [f"{s}: 401 Unauthorized" for s in ("north", "south")]


def test_new_messages_of_finished_streams_are_shown(view, output):
    view.show(done("north", "north.mp4 breaks off"))
    view.show(failed("south"))
    view.show(done("south", "2 of 9 frames are missing"))
    view.show(done("south", "401 Unauthorized"))  # another stream of this name
    assert output.getvalue().splitlines() == [
        "north: north.mp4 breaks off",
        "south: 401 Unauthorized",
        "south: 2 of 9 frames are missing",
        "south: 401 Unauthorized",
    ]


def test_a_rate_is_shown_once_it_is_meaningful(output):
    now = [0.0]
    view = ProgressView(Console(file=output), lambda: now[0])
    for frames, dropped, seconds in ((10, 0, 5), (60, 0, 5), (110, 4, 5)):
        now[0] += seconds
        view.show(progress("north", frames, dropped))
    assert [line.partition(";")[0] for line in output.getvalue().splitlines()] == [
        "north: 10 frames",
        "north: 60 frames, 10.0 fps",
        "north: 110 frames, 10.0 fps, 4 dropped",
    ]


def test_the_rate_covers_only_the_last_minute(output):
    now = [0.0]
    view = ProgressView(Console(file=output), lambda: now[0])
    frames = 0
    for second in range(4000):
        now[0] = float(second)
        frames += 25 if second < 3500 else 5  # it gets dark, and the camera slows down
        view.show(progress("north", frames))
    rates = [line.split(", ")[1].partition(";")[0] for line in output.getvalue().splitlines()]
    assert set(rates[:-3]) == {"25.0 fps"}
    assert set(rates[-2:]) == {"5.0 fps"}


def test_lines_become_rarer_and_sum_up_several_streams(output):
    now = [0.0]
    view = ProgressView(Console(file=output), lambda: now[0])
    for second in range(60):
        now[0] = float(second)
        for stream, rate in (("north", 25), ("south", 5)):
            view.show(progress(stream, second * rate, second))
    lines = output.getvalue().splitlines()
    assert lines[:2] == [
        "2 streams: 145 frames, 28.8 fps, 9 dropped",
        "2 streams: 295 frames, 29.4 fps, 19 dropped",
    ]
    assert len(lines) == 11
    now[0] = 86_400.0
    for _ in range(10):
        view.show(progress("north", 2_160_000))
        now[0] += 400.0
    assert len(output.getvalue().splitlines()) == 13


def test_a_single_stream_is_named_and_several_are_summed(output):
    now = [0.0]
    view = ProgressView(Console(file=output), lambda: now[0])
    for stream, frames in (("a", 10), ("b", 40)):
        now[0] += 5.0
        work = {"detector": 2500.0, "tracker": 100.6, "sink": 2.0}
        view.show(structs.replace(progress(stream, frames), total=100, work_ms=work))
    assert output.getvalue().splitlines() == [
        "a: 10 of 100 frames; each stage alone: detect 0.4, track 9.9, write 500 fps",
        "2 streams: 50 of 200 frames, 0.0 fps",
    ]


def test_the_sum_includes_streams_that_have_ended(output):
    now = [0.0]
    view = ProgressView(Console(file=output), lambda: now[0])
    for stream in ("a", "b", "c"):
        view.show(structs.replace(progress(stream, 8, dropped=1), total=9))
    view.show(done("a", ""))  # with 9 frames
    now[0] = 5.0
    view.show(structs.replace(progress("b", 8, dropped=1), total=9))
    view.show(Failed("sink", stream="b", message="the folder was removed"))
    now[0] = 10.0
    work = {"detector": 20.0, "sink": 2.0}
    view.show(structs.replace(progress("c", 9, dropped=1), total=9, work_ms=work))
    assert output.getvalue().splitlines() == [
        "3 streams, 1 ended: 25 of 27 frames, 0.0 fps, 2 dropped",
        "b: the folder was removed",
        "3 streams, 2 ended: 26 of 26 frames, 0.1 fps, 2 dropped; "
        "each stage alone: detect 50, write 500 fps",
    ]


def test_frames_of_a_failed_stream_count_once_while_its_results_are_completed(output):
    now = [0.0]
    view = ProgressView(Console(file=output), lambda: now[0])
    view.show(progress("a", 5))
    view.show(failed("a"))
    for frames in (6, 9):
        now[0] += 5.0
        view.show(progress("a", frames))
    view.show(done("a", "401 Unauthorized"))
    now[0] += 5.0
    view.show(progress("b", 1))
    assert [line.partition(";")[0] for line in output.getvalue().splitlines()] == [
        "a: 401 Unauthorized",
        "a: 6 frames, 0.2 fps",
        "a: 9 frames, 0.4 fps",
        "2 streams, 1 ended: 10 frames",
    ]


def test_a_file_gets_plain_lines_even_with_force_color(output, monkeypatch):
    """FORCE_COLOR, which CI services set, makes Rich treat any file as a terminal."""
    monkeypatch.setenv("FORCE_COLOR", "1")
    console = Console(file=output)
    assert console.is_terminal
    now = [0.0]
    with ProgressView(console, lambda: now[0]) as view:
        now[0] = 10.0
        view.show(progress("east", 20))
    assert "east: 20 frames" in output.getvalue()
    assert "\x1b[?25l" not in output.getvalue()  # no cursor was hidden, as for a bar
