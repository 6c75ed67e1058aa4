import subprocess
import sys

from tools.harness.material import detections_of, make_clip


def test_sources_are_those_of_the_command_line_and_of_a_file(tmp_path):
    clip = make_clip(tmp_path, 5)
    (tmp_path / "sources.txt").write_text(f"# two more\nnorth={clip.name}\nsouth={clip.name}\n")
    done = subprocess.run(
        [
            *(sys.executable, "-m", "tools.main", "run", clip.name, "--source", f"east={clip}"),
            *("--sources", "sources.txt", "--output", "out"),
            *("--set", f"detector.detections={detections_of(clip)}", "--set", "sink.overlay=false"),
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=200,
    )
    assert done.returncode == 0, done.stderr
    names = {folder.name for folder in (tmp_path / "out").iterdir() if folder.is_dir()}
    assert names == {"clip", "east", "north", "south"}
