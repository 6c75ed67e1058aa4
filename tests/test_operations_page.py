"""The commands of docs/operations.md that read results."""

import subprocess

from tests.documentation import program

ROW = "{frame},2026-05-04T1{hour}:00:00.120+00:00,{frame},vehicle,exit,left\n"


def test_crossings_of_finished_and_unfinished_files_are_counted_by_hour(tmp_path):
    folder = tmp_path / "live" / "north"
    folder.mkdir(parents=True)
    rows = [ROW.format(frame=frame, hour=hour) for frame, hour in enumerate((0, 0, 1), 1)]
    (folder / "crossings.txt").write_text(rows[0])
    (folder / ".crossings-2.txt.part").write_text("".join(rows[1:]))
    (folder / "mot.txt").write_text("1,1,10.00,20.00,30.00,40.00,0.9000,-1,-1,-1\n")
    command = program("operations.md", "uniq -c", "sh")
    counted = subprocess.run(
        ["sh", "-c", command], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert counted.stderr == ""
    assert [line.split() for line in counted.stdout.splitlines()] == [
        ["2", "2026-05-04T10,exit,left"],
        ["1", "2026-05-04T11,exit,left"],
    ]
