"""Ctrl-C during ``spotstream tune``."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from pipeline.config_file import load_config
from tests.tools.processes import run_python
from tests.tools.tuning.conftest import FEW

INTERRUPTED = """
import os, signal, sys
from pathlib import Path
from tools.main import main
from tools.tuning import tune

tune.GRIDS["sort"] = {few}
calls = 0
scored = tune.{function}

def interrupt(*arguments, **named):
    global calls
    calls += 1
    if calls == {call}:
        output = Path(sys.argv[sys.argv.index("--output") + 1])
        output.write_text(output.read_text() + "# edited\\n")
        os.kill(os.getpid(), signal.SIGINT)
    return scored(*arguments, **named)

tune.{function} = interrupt
main()
"""


def interrupted(
    benchmark: Path, function: str, call: int
) -> tuple[subprocess.CompletedProcess[str], Path, Path]:
    """Runs the command, interrupted when it calls a function of `tools.tuning.tune`.

    Just before, a line is added to the output file.
    """
    config, output, found = (benchmark / name for name in ("a.yaml", "tuned.yaml", "found.json"))
    config.write_text("tracker: {name: sort, settings: {max_age: 1, min_hits: 4}}\n")
    output.write_text("earlier")
    code = INTERRUPTED.format(few=FEW, function=function, call=call)
    done = run_python(
        *("-c", code, "tune", "--gt", benchmark / "gt", "--detections", benchmark / "det"),
        *("--config", config, "--output", output, "--json", found, "--workers", "1"),
    )
    assert done.returncode == 130
    return done, output, found


def test_an_interrupt_keeps_the_best_settings_so_far(benchmark: Path) -> None:
    done, output, found = interrupted(benchmark, "_score", 6 * 3)
    row = next(line for line in done.stdout.splitlines() if " min_score " in line)
    start, tuned = (cell.strip() for cell in row.split("│")[2:4])
    assert start == "none"
    assert float(tuned) >= 0.2
    assert done.stdout.count("tuned on all") == 1
    assert done.stderr.splitlines()[-1] == "stopped with the best settings so far"
    assert done.stdout.endswith(f"{found}: written\n{output}: written\n")
    result = json.loads(found.read_text())
    assert result["settings"]["min_score"] == float(tuned)
    settings = load_config(output).tracker.settings
    assert settings.items() <= result["settings"].items()
    assert settings["min_score"] == float(tuned)


def test_an_interrupt_before_better_settings_are_found_writes_nothing(benchmark: Path) -> None:
    done, output, found = interrupted(benchmark, "_score", 4)
    assert " tuned on all " in done.stdout
    assert done.stderr.splitlines()[-1] == (
        "stopped before better settings were found; nothing is written"
    )
    assert output.read_text() == "earlier# edited\n"
    assert not found.exists()


def test_an_interrupt_during_leave_one_out_keeps_the_tuned_settings(benchmark: Path) -> None:
    done, output, found = interrupted(benchmark, "search", 3)
    assert "without 1 of 3, A: " in done.stderr
    assert done.stderr.splitlines()[-1] == "stopped before all sequences had been left out"
    assert done.stdout.endswith(f"{found}: written\n{output}: written\n")
    result = json.loads(found.read_text())
    assert result["folds"] == result["left_out"] == {}
    settings = load_config(output).tracker.settings
    assert settings.items() <= result["settings"].items()
    assert settings["max_age"] > 1
    assert output.read_text().endswith("# edited\n")


def test_an_interrupt_before_any_result_prints_nothing(benchmark: Path) -> None:
    done, output, _ = interrupted(benchmark, "_score", 1)
    assert done.stdout == ""
    assert output.read_text() == "earlier# edited\n"
