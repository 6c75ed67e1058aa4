"""Imports only point down: tools → pipeline → stages → trackers."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ["tools", "pipeline", "stages", "trackers"]

FOREIGN_PEERS = {
    ROOT / "tools" / "chaos" / "flood.py",
    ROOT / "tools" / "bench" / "hop.py",
    ROOT / "tools" / "bench" / "bare_sender.py",
}
"""Simulate foreign peers, which do not communicate through `pipeline`."""


def files_of(*folder):
    files = set(ROOT.joinpath(*folder).rglob("*.py"))
    assert files
    return files


def imported(file):
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


def importers(files, *packages):
    """Returns which of the files import one of the packages or a module of it."""
    return {
        str(file.relative_to(ROOT))
        for file in files
        for name in imported(file)
        if any(f"{name}.".startswith(f"{package}.") for package in packages)
    }


@pytest.mark.parametrize("package", PACKAGES)
def test_imports_point_down(package):
    above = PACKAGES[: PACKAGES.index(package)]
    assert not importers(files_of(package), *above)


def test_only_the_pipeline_imports_zeromq():
    others = files_of("tools") | files_of("stages") | files_of("trackers")
    assert not importers(others - FOREIGN_PEERS, "zmq")


def test_spotnet_imports_nothing_else_of_the_project():
    spotnet = files_of("stages", "detector", "spotnet")
    outside = [name for name in PACKAGES if name != "stages"]
    assert not importers(spotnet, *outside)
    ours = {name for file in spotnet for name in imported(file) if name.startswith("stages")}
    assert all(name.startswith("stages.detector.spotnet") for name in ours)


def test_trackers_import_no_large_package():
    assert not importers(files_of("trackers"), "torch", "cv2", "av")


@pytest.mark.parametrize(
    ("package", "forbidden"),
    [
        ("transport", ["workers", "supervision"]),
        ("workers", ["supervision"]),
        ("supervision", ["workers"]),
    ],
)
def test_pipeline_subpackages_do_not_import_each_other(package, forbidden):
    packages = [f"pipeline.{each}" for each in forbidden]
    assert not importers(files_of("pipeline", package), *packages)


STAGES = ["decoder", "detector", "sink"]


@pytest.mark.parametrize("stage", STAGES)
def test_stages_do_not_import_each_other(stage):
    others = [f"stages.{other}" for other in STAGES if other != stage]
    assert not importers(files_of("stages", stage), *others)


LARGE = {"av", "cv2", "filterpy", "pydantic", "scipy", "torch"}


def test_watching_needs_few_packages():
    """Only the packages that docs/subscribing.md installs."""
    absent = [*LARGE - {"pydantic"}, "yaml", "safetensors", "paho"]  # typer may need pydantic
    script = (
        f"import sys; sys.modules.update(dict.fromkeys({absent})); "
        "from pipeline.transport.subscription import subscribe; "
        "import tools.watching.watch, tools.watching.mqtt; "
        "from tools.entry import main; sys.argv = ['spotstream', 'watch', '--help']; main()"
    )
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    ("code", "needed"),
    [
        ("from tools.running.run import load_configs; load_configs([])", {"pydantic"}),
        ("import pipeline.workers.decoder", {"av"}),
        ("import pipeline.workers.detector", set()),
        ("import pipeline.workers.detector, stages.detector.own_detector", {"cv2"}),
        ("import pipeline.workers.tracker", set()),
        ("import pipeline.workers.sink", {"av", "cv2"}),
    ],
)
def test_process_imports_only_the_large_packages_it_needs(code, needed):
    script = f"{code}; import sys; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert LARGE.intersection(done.stdout.split()) == needed
