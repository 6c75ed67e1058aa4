import io

import pytest
from rich.console import Console

from pipeline.reports import Failed, Notice, Progress
from tools.progress import ProgressView


@pytest.fixture
def said():
    return io.StringIO()


@pytest.fixture
def view(said):
    return ProgressView(Console(file=said))


def failed(stream, message="401 Unauthorized"):
    return Failed("decoder", stream=stream, message=message)


def progress(stream, frames):
    return Progress("sink", stream=stream, frames=frames, total=None, work_ms={}, metrics=None)


def test_failures_that_do_not_end_the_run_are_told(view, said):
    view.show(failed("north"))
    view.show(Failed("sink", message="no space left on device"))
    view.show(Notice("decoder", stream="south", message="connecting again"))
    assert said.getvalue().splitlines() == ["north: 401 Unauthorized", "south: connecting again"]


def test_failures_are_forgotten_when_another_stream_has_gone_on(view):
    view.show(progress("south", 5))
    view.show(failed("north"))
    view.show(progress("north", 7))
    view.show(progress("south", 5))
    assert list(view.failed) == ["north"]
    view.show(progress("south", 6))
    view.show(failed("south"))
    assert list(view.failed) == ["south"]


def test_a_rate_is_told_once_it_means_something(said):
    now = [0.0]
    view = ProgressView(Console(file=said), lambda: now[0])
    for frames, seconds in ((10, 5), (60, 5), (110, 5)):
        now[0] += seconds
        view.show(progress("north", frames))
    assert [line.partition(";")[0] for line in said.getvalue().splitlines()] == [
        "north: 10 frames",
        "north: 60 frames, 10.0 fps",
        "north: 110 frames, 10.0 fps",
    ]
