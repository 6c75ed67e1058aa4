"""The programs of docs/evaluation.md convert the ground truth of another benchmark."""

import subprocess

from tests.documentation import program
from tests.tools.commands.evaluate.command import scores

# frame, id, left, top, width, height, considered, category, truncation, occlusion
ANNOTATIONS = """\
1,0,500,0,100,100,0,0,0,0
1,1,10,20,40,30,1,4,0,0
1,2,100,20,40,30,1,9,0,1
1,3,200,20,10,30,1,1,0,0
1,4,300,20,40,30,1,10,0,0
2,1,12,20,40,30,1,4,0,0
2,2,102,20,40,30,1,9,0,1
3,5,400,20,40,30,0,11,0,0
"""
TRACKS = """\
1,7,10,20,40,30,0.9,-1,-1,-1
1,8,100,20,40,30,0.9,-1,-1,-1
1,9,540,20,40,30,0.9,-1,-1,-1
2,7,12,20,40,30,0.9,-1,-1,-1
2,9,540,20,40,30,0.9,-1,-1,-1
3,9,410,20,40,30,0.9,-1,-1,-1
"""


def test_vehicles_of_visdrone_are_scored_as_uavdt(tmp_path):
    for folder in ("annotations", "tracks"):
        (tmp_path / folder).mkdir()
    (tmp_path / "annotations" / "uav0000013_00000_v.txt").write_text(ANNOTATIONS)
    (tmp_path / "annotations" / "uav 2.txt").write_text("1,1,10,20,40,30,1,5,0,0\n")
    (tmp_path / "tracks" / "uav0000013_00000_v.txt").write_text(TRACKS)
    (tmp_path / "tracks" / "uav 2.txt").write_text("1,1,10,20,40,30,1,6,-1,-1\n")
    (tmp_path / "annotations" / "uav3.txt").write_text("1,1,10,20,40,30,1,1,0,0\n")  # no vehicle
    (tmp_path / "tracks" / "uav3.txt").write_text("")
    conversion, command = program("evaluation.md", "annotations", "sh").split("spotstream ")
    assert subprocess.run(["sh", "-ec", conversion], cwd=tmp_path, check=False).returncode == 0
    assert command.split() == ["evaluate", "uavdt", "--gt", "gt", "--results", "tracks"]
    folders = ("--gt", tmp_path / "gt", "--results", tmp_path / "tracks")
    found = scores(tmp_path, "uavdt", *folders, "--frames", "uav3=1")
    assert "missing_files" not in found["protocol"]
    assert found["sequences"]["uav3"]["tracking"]["FP"] == 0
    one, other = (found["sequences"][name]["tracking"] for name in ("uav 2", "uav0000013_00000_v"))
    assert (one["TP"], one["FP"], one["FN"]) == (1, 0, 0)
    # The region of the first frame does not hold for the second.
    assert (other["TP"], other["FP"], other["FN"]) == (3, 1, 1)
