import os
import subprocess
import sys

from pipeline.supervision.commands import describe
from pipeline.supervision.runtime_folder import running
from tests.pipeline.conftest import wait_for
from tools.harness.material import detections_of, make_clip

SPOTSTREAM = (sys.executable, "-m", "tools.main")


def test_a_source_is_read_from_standard_input(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    environment = os.environ | {"TMPDIR": str(tmp_path)}
    clip = make_clip(tmp_path, 250)
    (tmp_path / "sources.txt").write_text(f"north={clip.name}\n")
    pipeline = subprocess.Popen(
        [
            *(*SPOTSTREAM, "run", "--stay", "--sources", "sources.txt", "--output", "out"),
            *("--set", f"detector.detections={detections_of(clip)}"),
            *("--set", "decoder.pace=original"),
        ],
        cwd=tmp_path,
        env=environment,
        stderr=subprocess.DEVNULL,
    )
    try:
        (run,) = wait_for(running)
        add = (*SPOTSTREAM, "stream", "add", "-", "--name", "east")
        added = subprocess.run(
            add, cwd=tmp_path, env=environment, input=b"clip.mp4\n", capture_output=True
        )
        assert (added.returncode, added.stdout) == (0, b"east\n"), added.stderr
        wait_for(lambda: {view.name for view in describe(run).streams} == {"north", "east"})
        empty = subprocess.run(add, env=environment, input=b"", capture_output=True)
        assert b"the source is empty" in empty.stderr
        pipeline.terminate()
        assert pipeline.wait(100) == 130
    finally:
        pipeline.kill()
        pipeline.wait()
