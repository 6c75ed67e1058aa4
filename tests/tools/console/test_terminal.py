import threading

import pytest

from tests.waiting import wait_for
from tools.console import terminal
from tools.console.terminal import activity, progress_bar


def test_a_log_has_a_line_for_each_activity(capsys):
    with activity("starting") as show:
        show("sink: round 1, drawing")
        show("sink: round 1, encoding")
        show("sink: round 2, encoding")
    written = capsys.readouterr()
    assert written.out == ""
    assert written.err.splitlines() == [
        "sink: round 1, drawing",
        "sink: round 1, encoding",
        "sink: round 2, encoding",
    ]


def test_brackets_in_a_name_are_not_markup_on_a_terminal(monkeypatch, capsys):
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    with activity("starting") as show:
        show("round 1, runs[old]/[/].onnx")
    assert "round 1, runs[old]/[/].onnx" in capsys.readouterr().err


@pytest.mark.parametrize("counted", ["image N of 6", "max_age: N settings tried"])
def test_a_growing_count_is_logged_once(counted, capsys):
    with activity("starting") as show:
        for number in range(1, 7):
            show(counted.replace("N", str(number)))
    assert capsys.readouterr().err.splitlines() == [counted.replace("N", "1")]


@pytest.fixture
def lines(monkeypatch, capsys):
    """Returns a function that reads the log, in which a long activity is repeated soon."""
    monkeypatch.setattr(terminal, "_SILENT_SECONDS", 0.01)
    logged, before = [], set(threading.enumerate())

    def read():
        logged.append(capsys.readouterr().err)
        return "".join(logged).splitlines()

    yield read
    wait_for(
        lambda: before.issuperset(threading.enumerate())
    )  # else the next test reads their lines


def test_a_log_repeats_a_long_activity(lines):
    with activity("reading") as show:
        wait_for(lambda: "after 0 s: reading" in lines())
        show("image 1 of 6")
        show("image 2 of 6")
        wait_for(lambda: "after 0 s: image 2 of 6" in lines())


def test_a_log_shows_the_count_of_a_long_progress_bar(lines):
    with progress_bar() as bar:
        images = bar.add_task("images", total=None)
        wait_for(lambda: "after 0 s: images: 0" in lines())
        bar.update(images, total=6)
        bar.advance(images, 2)
        wait_for(lambda: "after 0 s: images: 2 of 6" in lines())


def test_a_short_activity_is_not_logged(capsys):
    with activity("reading"), progress_bar() as bar:
        bar.add_task("images", total=6)
    assert capsys.readouterr().err == ""
