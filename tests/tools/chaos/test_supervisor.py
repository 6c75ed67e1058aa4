import pytest

from tools.chaos import supervisor
from tools.chaos.supervisor import killed_supervisor


def test_the_stages_of_a_killed_supervisor_end_and_the_next_run_may_overwrite(tmp_path):
    outcome = killed_supervisor(tmp_path)
    assert outcome.passed, outcome


PRETENDED = """
cd {output}
case "$*" in
    *pace*) {stage} echo row > .mot.txt.part; kill -STOP $$ ;;
    *overwrite*) echo '{{"frames": {{"out": {frames}}}}}' > run.json; exit {code} ;;
    *complete*) {complete} ;;
    *) {again} ;;
esac
"""
"""A program that does what it is told here."""

SOUND = {
    "stage": "sleep 0.1 &",
    "again": "exit 4",
    "complete": "mv .mot.txt.part mot.txt",
    "frames": 100,
    "code": 0,
}


@pytest.mark.parametrize(
    ("broken", "told"),
    [
        ({}, ""),
        ({"stage": "sleep 10 &"}, "1 stage left"),
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
def test_what_a_killed_supervisor_must_not_cost_breaks_the_promise(
    tmp_path, monkeypatch, broken, told
):
    output = tmp_path / "killed" / "clip"
    output.mkdir(parents=True)
    program = ("sh", "-c", PRETENDED.format(output=output, **SOUND | broken), "sh")
    monkeypatch.setattr(supervisor, "SPOTSTREAM", program)
    monkeypatch.setattr(supervisor, "run_command", lambda *arguments: [*program, "run"])
    if "10" in broken.get("stage", ""):
        monkeypatch.setattr(supervisor, "_MOST_SECONDS", 2)
    outcome = killed_supervisor(tmp_path)
    assert outcome.passed is not bool(broken)
    assert told in outcome.result
