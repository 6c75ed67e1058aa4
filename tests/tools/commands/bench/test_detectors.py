from __future__ import annotations

import json
from functools import partial
from pathlib import Path

from typer.testing import CliRunner

from stages.errors import ConfigError
from tests.tools.conftest import write_config
from tools.bench.arithmetic import GPU, PRODUCT, SHARE, SPEED, WORK, arithmetic_figures
from tools.bench.curve import Point
from tools.bench.detect import make_detectors
from tools.bench.detector_scores import score_detectors
from tools.bench.figures import MILLISECONDS, Figure
from tools.commands.bench.detectors import _curve_table
from tools.console.terminal import wide_console
from tools.main import app
from tools.training.held_out import read_held_out


def test_brackets_in_a_name_are_not_markup(capsys):
    point = Point("runs[old]/best", 1.0, Figure("", "", (9.0,)), {"rain[/]": {"AP50": 0.5}})
    wide_console().print(_curve_table([point]))
    shown = capsys.readouterr().out
    assert "runs[old]/best" in shown
    assert "rain[/] AP50" in shown


def test_the_figures_shown_are_saved_at_the_requested_scale(tiny_config, tmp_path, monkeypatch):
    monkeypatch.setattr("tools.bench.detect.SIZE", (96, 64))
    make = partial(make_detectors, Path("nano"), engines=["torch"])
    monkeypatch.setattr("tools.bench.detect.make_detectors", lambda *_, **__: make())
    of_weights = score_detectors(make(), read_held_out(tiny_config()), print)
    file = tmp_path / "bench.json"
    config = write_config(tiny_config(), tmp_path)
    options = ["--validate", config, "--scale", 0.1, "--frames", 1, "--rounds", 1, "--json", file]
    done = CliRunner().invoke(app, ["bench", "detect", *map(str, options)], catch_exceptions=False)
    figures = json.loads(file.read_text())["benches"][0]["figures"]
    found = {(figure["name"], figure["unit"]): figure["median"] for figure in figures}
    assert of_weights["torch"]["drawn"]["AP50"] > 0.2
    assert found["torch", "drawn AP50"] < 0.1
    summary = (
        f"{found['torch', WORK]:.1f} GFLOP a frame; torch reaches {found['torch', SPEED]:.3g} "
        f"TFLOP/s, {found['torch', SHARE]:.0f}% of the {found[PRODUCT, SPEED]:.3g} of a matrix"
    )
    assert summary in done.output
    assert "CPU ms/frame, torch / this" in done.output
    assert "GFLOP/frame" not in done.output


def test_overrides_without_a_training_config_are_refused(monkeypatch):
    monkeypatch.setattr("tools.bench.detect.make_detectors", None)
    error = CliRunner().invoke(app, ["bench", "detect", "--set", "no.such=key"]).exception
    assert isinstance(error, ConfigError)
    assert str(error) == "--set is of --validate; give that, too"


def test_gpu_only_figures_are_included():
    figures = arithmetic_figures(work=10, peak=4, milliseconds=5, gpu_only=4)
    assert {(figure.name, figure.unit): figure.median for figure in figures} == {
        ("torch", WORK): 10,
        ("torch", SPEED): 2,
        ("torch", SHARE): 50,
        (GPU, MILLISECONDS): 4,
        (GPU, SPEED): 2.5,
        (GPU, SHARE): 62.5,
        (PRODUCT, SPEED): 4,
    }
