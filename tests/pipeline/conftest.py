import contextlib
import os
import resource
import tempfile
from pathlib import Path

import pytest

import pipeline
from pipeline.supervision.runtime_folder import RuntimeFolder
from tests.pipeline.drone import make_drone, reference, settings
from tests.stages.decoder.conftest import write_video
from tools.harness.material import make_clip
from tools.harness.runner import run_with


@pytest.fixture(scope="session")
def clip(tmp_path_factory):
    """A clip of 150 frames, see `make_clip`; tests do not change it."""
    return make_clip(tmp_path_factory.mktemp("material"), 150)


@pytest.fixture(scope="session")
def drone(tmp_path_factory):
    """A clip of a moving camera, and what its exact camera says, see `make_drone`."""
    return make_drone(tmp_path_factory.mktemp("drone"))


@pytest.fixture(scope="session")
def moving_run(drone, tmp_path_factory):
    """The folder of a run that found the frames of this clip on the picture; see `settings`."""
    clip, *_ = drone
    folder = tmp_path_factory.mktemp("moving")
    run_with([str(clip)], folder, settings(clip, reference(clip)))
    return folder / "clip"


@pytest.fixture
def one_detection(tmp_path):
    """The setting of a file with one detection, for sources whose objects do not matter."""
    path = tmp_path / "one_Det_made.txt"
    path.write_text("1,1,10,10,30,30,0.9\n")
    return f"detector.detections={path}"


@pytest.fixture
def growing(tmp_path):
    """A video of 40 frames of 160x96 pixels, and then 20 of 320x192."""
    small, large = tmp_path / "small.ts", tmp_path / "large.ts"
    write_video(small, frames=40, width=160, height=96)
    write_video(large, frames=20, width=320, height=192, pts=[40 * n for n in range(40, 60)])
    path = tmp_path / "growing.ts"
    path.write_bytes(small.read_bytes() + large.read_bytes())
    return path


@pytest.fixture
def descriptors_left():
    """Returns a function that leaves this process only so many free file descriptors."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, before[1]))
    taken = []

    def leave(count):
        with contextlib.suppress(OSError):
            while True:
                taken.append(os.dup(0))
        for _ in range(count):
            os.close(taken.pop())

    yield leave
    for descriptor in taken:
        os.close(descriptor)
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


@pytest.fixture
def temporary(monkeypatch):
    """Returns a function that sets the temporary folder of this process and its children."""

    def put(folder):
        monkeypatch.setenv("TMPDIR", str(folder))
        monkeypatch.setattr(tempfile, "tempdir", str(folder))

    return put


@pytest.fixture
def run_folder(tmp_path, temporary):
    """The runtime folder of a run, in the temporary folder of the test."""
    temporary(tmp_path)
    folder = RuntimeFolder("out")
    yield folder
    folder.close()


@pytest.fixture
def in_workers(tmp_path, monkeypatch):
    """Returns a function that sets code which pipeline processes run before anything else."""

    def run(code):
        folder = tmp_path / "site"
        folder.mkdir()
        code = "".join(f"    {line}\n" for line in code.strip().splitlines())
        (folder / "sitecustomize.py").write_text(
            f'import sys\n\nif "pipeline.worker" in sys.orig_argv:\n{code}'
        )
        root = Path(pipeline.__file__).parents[1]
        monkeypatch.setenv("PYTHONPATH", f"{folder}{os.pathsep}{root}")

    return run
