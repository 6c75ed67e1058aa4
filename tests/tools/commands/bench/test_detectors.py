from __future__ import annotations

from tools.bench.curve import Point
from tools.bench.figures import Figure
from tools.commands.bench.detectors import _curve_table
from tools.terminal import wide_console


def test_brackets_of_a_name_are_no_markup(capsys):
    point = Point("runs[old]/best", 1.0, Figure("", "", (9.0,)), {"rain[/]": {"AP50": 0.5}})
    wide_console().print(_curve_table([point]))
    shown = capsys.readouterr().out
    assert "runs[old]/best" in shown
    assert "rain[/] AP50" in shown
