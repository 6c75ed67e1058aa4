from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tools.bench import everything
from tools.bench.everything import bench_all
from tools.bench.figures import BenchReport, Figure, Ratio
from tools.main import app


@pytest.fixture
def fake_benches(monkeypatch: pytest.MonkeyPatch) -> None:
    def fake(name: str):
        ratio = Ratio("ours", "theirs"), Figure("ours", "×", (1.0,))
        return lambda *args, **settings: BenchReport(name, (), (ratio,))

    for name in ("transport", "decode", "track", "sink", "pipeline"):
        monkeypatch.setattr(everything, f"bench_{name}", fake(name))
    monkeypatch.setattr(everything, "_detect_report", fake("detect"))


@pytest.mark.usefixtures("fake_benches")
def test_all_benches_share_one_json_file_and_one_plot(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    files = tmp_path / "all.json", tmp_path / "all.png"
    result = CliRunner().invoke(
        app, ["bench", "all", "--json", str(files[0]), "--plot", str(files[1])]
    )
    assert result.exit_code == 0, result.output
    benches = json.loads(files[0].read_text())["benches"]
    assert [each["bench"] for each in benches] == [
        *("transport", "decode", "detect", "track", "sink", "pipeline")
    ]
    assert files[1].read_bytes().startswith(b"\x89PNG")
    assert len(bench_all()) == 6
