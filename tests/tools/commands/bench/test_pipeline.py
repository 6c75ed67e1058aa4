from __future__ import annotations

import pytest
from typer.testing import CliRunner

from tools.main import app


def test_a_run_too_short_to_show_growth_is_refused(monkeypatch):
    monkeypatch.setattr(
        "tools.bench.soak.bench_soak", lambda *_, **__: pytest.fail("it was measured")
    )
    done = CliRunner().invoke(app, ["bench", "soak", "--frames", "1000"])
    assert done.exit_code == 2
    assert "'--frames'" in done.output
