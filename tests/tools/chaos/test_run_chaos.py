from typer.testing import CliRunner

from stages.errors import SpotStreamError
from tools import chaos
from tools.chaos.outcome import Outcome
from tools.main import app


def test_a_run_that_fails_is_a_broken_promise_and_the_others_are_tried(monkeypatch):
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
