"""``spotstream evaluate`` as its users run it."""

from __future__ import annotations

import json
from pathlib import Path

from typer.testing import CliRunner

from stages.errors import ConfigError
from tools.main import app


def evaluate(*arguments: str | Path) -> str:
    result = CliRunner().invoke(app, ["evaluate", *map(str, arguments)], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def refused(*arguments: str | Path) -> str:
    result = CliRunner().invoke(app, ["evaluate", *map(str, arguments)])
    assert isinstance(result.exception, ConfigError)
    assert result.stderr == ""
    return str(result.exception)


def scores(tmp_path: Path, *arguments: str | Path) -> dict:
    evaluate(*arguments, "--json", tmp_path / "scores.json")
    return json.loads((tmp_path / "scores.json").read_text())
