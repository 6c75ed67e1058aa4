"""Imports point down only: tools → pipeline → stages → trackers."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
HOUSE = ["tools", "pipeline", "stages", "trackers"]
FILES = [file for room in HOUSE for file in (ROOT / room).rglob("*.py")]


STRANGERS = [
    ROOT / "tools" / "chaos" / "hostile.py",
    ROOT / "tools" / "bench" / "hop.py",
    ROOT / "tools" / "bench" / "bare_sender.py",
]
"""Play peers that are none of ours, and so do not speak through `pipeline`."""


def imported(file):
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


@pytest.mark.parametrize("file", FILES, ids=lambda f: str(f.relative_to(ROOT)))
def test_imports_point_down(file):
    parts = file.relative_to(ROOT).parts
    names = [name.split(".") for name in imported(file)]
    above = HOUSE[: HOUSE.index(parts[0])]
    assert not [name for name in names if name[0] in above]
    if parts[0] != "pipeline" and file not in STRANGERS:
        assert all(name[0] != "zmq" for name in names)
    if parts[:3] == ("stages", "detector", "spotnet"):
        ours = [name for name in names if name[0] in HOUSE]
        assert all(name[:3] == ["stages", "detector", "spotnet"] for name in ours)
    if parts[0] == "trackers":
        assert not [name for name in names if name[0] in ("torch", "cv2", "av")]


@pytest.mark.parametrize(
    ("room", "strangers"),
    [
        ("transport", ["workers", "supervision"]),
        ("workers", ["supervision"]),
        ("supervision", ["workers"]),
    ],
)
def test_rooms_of_the_pipeline_do_not_know_each_other(room, strangers):
    files = list((ROOT / "pipeline" / room).rglob("*.py"))
    assert files
    for file in files:
        for name in imported(file):
            assert not name.startswith(tuple(f"pipeline.{stranger}" for stranger in strangers)), (
                file
            )


STAGES = ["decoder", "detector", "sink"]


@pytest.mark.parametrize("stage", STAGES)
def test_stages_do_not_know_each_other(stage):
    files = list((ROOT / "stages" / stage).rglob("*.py"))
    assert files
    others = tuple(f"stages.{other}" for other in STAGES if other != stage)
    for file in files:
        assert not [name for name in imported(file) if name.startswith(others)], file


LARGE = {"av", "cv2", "filterpy", "pydantic", "scipy", "torch"}


@pytest.mark.parametrize(
    ("code", "needed"),
    [
        ("from tools.run import load_config; load_config(None)", {"pydantic"}),
        ("import pipeline.workers.decoder", {"av"}),
        ("import pipeline.workers.detector", set()),
        ("import pipeline.workers.tracker", {"scipy"}),
        ("import pipeline.workers.sink", {"av", "cv2"}),
    ],
)
def test_a_process_imports_no_large_package_but_those_it_needs(code, needed):
    script = f"{code}; import sys; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert LARGE.intersection(done.stdout.split()) == needed
