from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from stages.errors import ConfigError
from tools.bench.soak import Soak
from tools.main import app


def test_a_run_too_short_to_show_growth_is_refused(monkeypatch):
    monkeypatch.setattr(
        "tools.bench.soak.bench_soak", lambda *_, **__: pytest.fail("it was measured")
    )
    done = CliRunner().invoke(app, ["bench", "soak", "--frames", "1000"])
    assert done.exit_code == 2
    assert "'--frames'" in done.output


def test_the_growth_of_every_process_is_saved(tmp_path, monkeypatch):
    soak = Soak(20_000, {"sink": 0.25, "tracker": -0.5}, {"sink": 0, "tracker": 2})
    monkeypatch.setattr("tools.bench.soak.bench_soak", lambda *_, **__: soak)
    file = tmp_path / "soak.json"
    done = CliRunner().invoke(app, ["bench", "soak", "--json", str(file)])
    assert "20000 frames" in done.output
    [report] = json.loads(file.read_text())["benches"]
    assert {(each["name"], each["unit"]): each["median"] for each in report["figures"]} == {
        ("run", "frames"): 20_000,
        ("sink", "MB per 100,000 frames"): 0.25,
        ("sink", "descriptors"): 0,
        ("tracker", "MB per 100,000 frames"): -0.5,
        ("tracker", "descriptors"): 2,
    }


@pytest.mark.parametrize("delay", ["-5", "nan", "inf"])
def test_an_invalid_delay_is_refused(monkeypatch, delay):
    monkeypatch.setattr("tools.bench.streams.bench_streams", None)
    done = CliRunner().invoke(app, ["bench", "streams", "--delay-ms", delay])
    assert done.exit_code == 2
    assert "'--delay-ms'" in done.output


def test_a_plot_without_ratios_is_refused_at_once(tmp_path, monkeypatch):
    monkeypatch.setattr("tools.bench.streams.bench_streams", None)
    plot = ["--plot", str(tmp_path / "ratios.png")]
    done = CliRunner().invoke(app, ["bench", "streams", *["--streams", "2"] * 2, *plot])
    assert isinstance(done.exception, ConfigError)
    assert "give another --streams, too" in str(done.exception)
