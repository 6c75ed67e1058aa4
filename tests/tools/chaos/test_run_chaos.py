import os
import signal
import subprocess
import sys

from typer.testing import CliRunner

from stages.errors import SpotStreamError
from tests.waiting import wait_for
from tools import chaos
from tools.chaos.outcome import Outcome
from tools.main import app


def test_a_failing_fault_breaks_its_promise_and_the_others_still_run(monkeypatch):
    def fail(folder):
        raise SpotStreamError("a process died of itself")

    def leave_nothing(folder):
        (folder / "mot.txt").read_text()

    faults = {"failing": fail, "empty": leave_nothing, "sound": lambda _: Outcome(3, "well", True)}
    monkeypatch.setattr(chaos, "all_faults", lambda *, short: faults)
    result = CliRunner().invoke(app, ["chaos", "--short"])
    assert result.exit_code == 1
    for line in (
        "failing: a process died of itself: BROKEN",
        "mot.txt': BROKEN",
        "sound: well: as promised",
    ):
        assert line in result.stderr
    assert result.stdout.count("BROKEN") == 2


def test_ctrl_c_ends_all_faults_and_not_only_the_current_run(tmp_path):
    """The signal goes to every process of the terminal; the stages ignore it."""
    code = """
from tools import chaos, main
from tools.chaos.outcome import Outcome
from tools.harness.material import detections_setting, make_clip
from tools.harness.runner import run_with

def fault(folder):
    clip = make_clip(folder, 300)
    run_with([str(clip)], folder / "out", [detections_setting(clip, delay_ms=40)])
    return Outcome(1, "ran", True)

chaos.all_faults = lambda *, short: dict.fromkeys("ab", fault)
main.main()
"""
    with subprocess.Popen(
        [sys.executable, "-c", code, "chaos"],
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env=os.environ | {"TMPDIR": str(tmp_path)},
    ) as process:
        output = [process.stderr.readline()]
        wait_for(lambda: list(tmp_path.glob("chaos-*/out/clip/*")))
        os.killpg(process.pid, signal.SIGINT)
        try:
            output.append(process.communicate(timeout=200)[1])
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
    assert process.returncode == 130
    assert "".join(output) == "a …\n"
    assert not list(tmp_path.glob("chaos-*"))
