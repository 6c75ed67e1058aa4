import json
import os
import socket
import subprocess

import pytest
from typer.testing import CliRunner

from pipeline.supervision.commands import describe
from pipeline.supervision.runtime_folder import running
from stages.errors import ConfigError
from tests.waiting import wait_for
from tools.harness.material import detections_setting, make_clip
from tools.harness.ports import free_port
from tools.harness.runner import SPOTSTREAM
from tools.main import app


def test_a_source_from_standard_input_gets_the_lines_of_its_name(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    environment = os.environ | {"TMPDIR": str(tmp_path)}
    clip = make_clip(tmp_path, 250)
    (tmp_path / "sources.txt").write_text(f"north={clip.name}\n")
    pipeline = subprocess.Popen(
        [
            *(*SPOTSTREAM, "run", "--stay", "--sources", "sources.txt", "--output", "out"),
            *("--set", detections_setting(clip)),
            *("--set", "decoder.pace=original"),
            *("--set", "sink.lines={east: {middle: [160, 0, 160, 240]}}"),
        ],
        cwd=tmp_path,
        env=environment,
        stderr=subprocess.PIPE,
        text=True,
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
        wait_for(lambda: (tmp_path / "out" / "east" / ".crossings.txt.part").exists())
        pipeline.terminate()
        _, errors = pipeline.communicate(timeout=100)
        assert pipeline.returncode == 130
        assert "sink.lines: no stream is called east yet; there are north\n" in errors
        assert (tmp_path / "out" / "east" / "crossings.txt").exists()
        assert not (tmp_path / "out" / "north" / "crossings.txt").exists()
    finally:
        pipeline.kill()
        pipeline.communicate()


def test_streams_of_a_running_pipeline_are_listed_and_removed(tmp_path, monkeypatch):
    def command(line):
        result = CliRunner().invoke(app, line.split(), catch_exceptions=False)
        assert result.exit_code == 0
        return result.output

    def listed():
        views = json.loads(command("stream list --json"))
        return [(view["name"], view["source"]) for view in views]

    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    (tmp_path / "none_Det_none.txt").write_text("1,1,10,10,30,30,0.9\n")
    source = f"udp://127.0.0.1:{free_port(socket.SOCK_DGRAM)}"
    pipeline = subprocess.Popen(
        [
            *(*SPOTSTREAM, "run", "--stay", f"cam={source}", "--output", "out"),
            *("--set", "detector.detections=none_Det_none.txt"),
        ],
        cwd=tmp_path,
        env=os.environ | {"TMPDIR": str(tmp_path)},
    )
    try:
        wait_for(running)
        wait_for(lambda: listed() == [("cam", source)])
        for line in ("stream list", "top --once"):
            (row,) = (row for row in command(line).splitlines() if row.startswith("cam "))
            assert row.split()[-1] == source
        assert command("stream remove cam") == ""
        wait_for(lambda: listed() == [])
    finally:
        pipeline.terminate()
        pipeline.wait(100)


@pytest.mark.parametrize(
    "line", ["top --once", "stream list", "stream add scene://demo", "stream remove cam"]
)
def test_the_pid_option_selects_the_pipeline(line, monkeypatch):
    def find_run(pid=None):
        raise ConfigError(f"process {pid}")

    monkeypatch.setattr("pipeline.supervision.commands.find_run", find_run)
    error = CliRunner().invoke(app, [*line.split(), "--pid", "71"]).exception
    assert str(error) == "process 71"
