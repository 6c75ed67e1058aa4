"""The commands of docs/counting.md that read results."""

import subprocess

from tests.documentation import program

STAY = "9,0.360,{identity},vehicle,bus stop,{event},{seconds}\n"
ROW = "{frame},2026-05-04T1{hour}:00:00.120+00:00,{frame},vehicle,exit,left\n"


def test_crossings_of_finished_and_unfinished_files_are_counted_by_hour(tmp_path):
    folder = tmp_path / "live" / "north"
    folder.mkdir(parents=True)
    rows = [ROW.format(frame=frame, hour=hour) for frame, hour in enumerate((0, 0, 1), 1)]
    (folder / "crossings.txt").write_text(rows[0])
    (folder / ".crossings-2.txt.part").write_text("".join(rows[1:]))
    (folder / "mot.txt").write_text("1,1,10.00,20.00,30.00,40.00,0.9000,-1,-1,-1\n")
    printed = run_shell("uniq -c", tmp_path)
    assert [line.split() for line in printed] == [
        ["2", "2026-05-04T10,exit,left"],
        ["1", "2026-05-04T11,exit,left"],
    ]


def test_mean_stays_are_those_of_who_left_the_zone(tmp_path):
    folder = tmp_path / "live" / "north"
    folder.mkdir(parents=True)
    (folder / "zones.txt").write_text(STAY.format(identity=1, event="enter", seconds="0.000"))
    stays = ((1, "leave", "2.500"), (2, "leave", "3.500"), (3, "lost", "99.000"))
    (folder / ".zones-2.txt.part").write_text(
        "".join(
            STAY.format(identity=identity, event=event, seconds=seconds)
            for identity, event, seconds in stays
        )
    )
    assert run_shell("stayed", tmp_path) == ["bus stop,2,3"]


def run_shell(what, folder):
    """The lines that the one command of the page with ``what`` prints in ``folder``."""
    command = program("counting.md", what, "sh")
    done = subprocess.run(["sh", "-c", command], cwd=folder, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.splitlines()
