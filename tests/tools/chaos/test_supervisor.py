import pytest

from tools.chaos import supervisor
from tools.chaos.supervisor import killed_supervisor


def test_stages_of_a_killed_supervisor_end_and_results_can_be_replaced(tmp_path):
    outcome = killed_supervisor(tmp_path)
    assert outcome.passed, outcome


FAKE_PROGRAM = """
cd {output}
case "$*" in
    *pace*) {stage} echo row > .mot.txt.part; kill -STOP $$ ;;
    *overwrite*) echo '{{"frames": {{"out": {frames}}}}}' > run.json; exit {code} ;;
    *complete*) {complete} ;;
    *) {again} ;;
esac
"""
"""A script whose replies are filled in by each case."""

SOUND = {
    "stage": "sleep 0.1 &",
    "again": "exit 4",
    "complete": "mv .mot.txt.part mot.txt",
    "frames": 100,
    "code": 0,
}


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        ({}, ""),
        ({"stage": "sleep 99 &"}, "1 stage left"),
        ({"stage": ""}, "0 stages gone"),
        ({"again": "true"}, "not refused"),
        ({"again": "exit 1"}, "not refused"),
        ({"again": ": > .mot.txt.part; exit 4"}, "its rows lost"),
        ({"complete": "true"}, "its rows lost"),
        ({"complete": "echo other > mot.txt"}, "its rows lost"),
        ({"frames": 99}, "99 of 100 frames"),
        ({"code": 1}, ""),
    ],
)
def test_lingering_stages_and_lost_rows_break_the_promise(tmp_path, monkeypatch, broken, message):
    output = tmp_path / "killed" / "clip"
    output.mkdir(parents=True)
    program = ("sh", "-c", FAKE_PROGRAM.format(output=output, **SOUND | broken), "sh")
    monkeypatch.setattr(supervisor, "SPOTSTREAM", program)
    monkeypatch.setattr(supervisor, "run_command", lambda *arguments: [*program, "run"])
    if "99" in broken.get("stage", ""):
        monkeypatch.setattr(supervisor, "_MAX_SECONDS", 2)
    outcome = killed_supervisor(tmp_path)
    assert outcome.passed is not bool(broken)
    assert message in outcome.result
