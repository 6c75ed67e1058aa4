"""A killed supervisor."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from stages.atomic import part_path
from stages.errors import OutputError
from stages.result_files import TRACKS, read_report
from stages.wording import counted
from tools.chaos.outcome import Outcome
from tools.harness.material import NAME, detections_setting, make_clip
from tools.harness.runner import SPOTSTREAM, run_command

_FRAMES = 100
_MAX_SECONDS = 30


def killed_supervisor(folder: Path) -> Outcome:
    """Kills the supervisor: its stages must end, and the next run start only with --overwrite.

    What the first run left must not be lost by mistake, and ``spotstream complete`` completes it.
    """
    clip = make_clip(folder, _FRAMES)
    output = folder / "killed"
    command = run_command(clip, output, detections_setting(clip))
    tracks = output / NAME / TRACKS
    rows = part_path(tracks)
    with subprocess.Popen(
        [*command, "--set", "decoder.pace=original"], stdout=subprocess.DEVNULL
    ) as run:
        _wait_for(lambda: rows.exists() and rows.stat().st_size > 0)
        stages = Path(f"/proc/{run.pid}/task/{run.pid}/children").read_text().split()
        run.kill()
    gone = _wait_for(lambda: not any(map(_runs, stages)))
    left = rows.read_bytes()
    second = subprocess.run(command, capture_output=True, check=False)
    refused = second.returncode == OutputError.exit_code
    subprocess.run([*SPOTSTREAM, "complete", str(output)], capture_output=True, check=False)
    completed = tracks.exists() and tracks.read_bytes() == left
    again = subprocess.run([*command, "--overwrite"], capture_output=True, text=True, check=False)
    if again.returncode:
        return Outcome(1, again.stderr.strip(), False)
    frames = read_report(output / NAME)["frames"]["out"]
    return Outcome(
        1,
        f"{counted(len(stages), 'stage')} {'gone' if gone else 'left'}; the next run "
        f"{'refused' if refused else 'not refused'}, its rows "
        f"{'completed' if completed else 'lost'}, with --overwrite {frames} of {_FRAMES} frames",
        bool(stages) and gone and refused and completed and frames == _FRAMES,
    )


def _wait_for(condition: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + _MAX_SECONDS
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def _runs(pid: str) -> bool:
    """Returns whether a process is running; an ended process has no command line."""
    try:
        return bool(Path(f"/proc/{pid}/cmdline").read_bytes())
    except OSError:
        return False
