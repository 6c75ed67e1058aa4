import pytest

from tools.terminal import activity


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
def test_a_count_that_only_grows_is_told_every_five_seconds(counted, capsys):
    times = iter(range(0, 24, 2))
    with activity("starting", clock=lambda: next(times)) as tell:
        for number in range(1, 7):
            tell(counted.replace("N", str(number)))
    told = [counted.replace("N", "1"), counted.replace("N", "4")]
    assert capsys.readouterr().err.splitlines() == told
