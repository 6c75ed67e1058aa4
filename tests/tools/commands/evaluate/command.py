"""``spotstream evaluate`` as its users run it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import suppress
from functools import partial
from pathlib import Path

from typer.testing import CliRunner

from stages.errors import ConfigError
from tests.tools.invoking import output_of
from tools.main import app

evaluate = partial(output_of, "evaluate")


def detrac_arguments(folder: Path) -> tuple[str | Path, ...]:
    """The arguments that score the detections of the fixture ``detrac``."""
    return ("detrac", "--gt", folder / "gt", "--detections", folder / "det")


def add_sequence(folder: Path, name: str) -> None:
    """Adds the annotation of a sequence like MVI_1 to the fixture ``detrac``."""
    text = (folder / "gt" / "MVI_1.xml").read_text()
    (folder / "gt" / f"{name}.xml").write_text(text.replace('"MVI_1"', f'"{name}"'))


def refused(*arguments: str | Path) -> str:
    result = CliRunner().invoke(app, ["evaluate", *map(str, arguments)])
    assert isinstance(result.exception, ConfigError)
    assert result.stderr == ""
    return str(result.exception)


def terminal_output(*arguments: str | Path) -> str:
    """Returns what standard error shows on a terminal."""
    outer, inner = os.openpty()
    command = [sys.executable, "-m", "tools.main", "evaluate", *map(str, arguments)]
    environment = os.environ | {"TERM": "xterm"}
    with subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=inner, env=environment
    ) as process:
        os.close(inner)
        shown = b""
        with suppress(OSError):  # the terminal's end
            while part := os.read(outer, 4096):
                shown += part
        os.close(outer)
    assert process.returncode == 0, shown
    return shown.decode()


def scores(tmp_path: Path, *arguments: str | Path) -> dict:
    evaluate(*arguments, "--json", tmp_path / "scores.json")
    return json.loads((tmp_path / "scores.json").read_text())
