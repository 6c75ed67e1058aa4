import threading

import pytest

from tests.waiting import wait_for
from tools import terminal
from tools.terminal import activity, progress_bar


def test_a_log_has_a_line_for_each_activity(capsys):
    with activity("starting") as tell:
        tell("sink: round 1, drawing")
        tell("sink: round 1, encoding")
        tell("sink: round 2, encoding")
    written = capsys.readouterr()
    assert written.out == ""
    assert written.err.splitlines() == [
        "sink: round 1, drawing",
        "sink: round 1, encoding",
        "sink: round 2, encoding",
    ]


def test_brackets_of_a_name_are_no_markup_on_a_terminal(monkeypatch, capsys):
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    with activity("starting") as tell:
        tell("round 1, runs[old]/[/].onnx")
    assert "round 1, runs[old]/[/].onnx" in capsys.readouterr().err


@pytest.mark.parametrize("counted", ["image N of 6", "max_age: N settings tried"])
def test_a_count_that_only_grows_is_told_once(counted, capsys):
    with activity("starting") as tell:
        for number in range(1, 7):
            tell(counted.replace("N", str(number)))
    assert capsys.readouterr().err.splitlines() == [counted.replace("N", "1")]


@pytest.fixture
def lines(monkeypatch, capsys):
    """Gives what is in a log, where what goes on for long is told again at once."""
    monkeypatch.setattr(terminal, "_SILENT_SECONDS", 0.01)
    said, before = [], set(threading.enumerate())

    def read():
        said.append(capsys.readouterr().err)
        return "".join(said).splitlines()

    yield read
    wait_for(lambda: before.issuperset(threading.enumerate()))  # else the next test is told more


def test_a_log_tells_again_what_goes_on_for_long(lines):
    with activity("reading") as tell:
        wait_for(lambda: "after 0 s: reading" in lines())
        tell("image 1 of 6")
        tell("image 2 of 6")
        wait_for(lambda: "after 0 s: image 2 of 6" in lines())


def test_a_log_tells_the_count_of_a_bar_that_goes_on_for_long(lines):
    with progress_bar() as bar:
        images = bar.add_task("images", total=None)
        wait_for(lambda: "after 0 s: images: 0" in lines())
        bar.update(images, total=6)
        bar.advance(images, 2)
        wait_for(lambda: "after 0 s: images: 2 of 6" in lines())


def test_nothing_is_told_of_what_is_over_soon(capsys):
    with activity("reading"), progress_bar() as bar:
        bar.add_task("images", total=6)
    assert capsys.readouterr().err == ""
