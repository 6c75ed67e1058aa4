"""Runs that save pictures of the vehicles that they count."""

import os
import signal

import pytest

from tools.harness.material import detections_setting, make_clip
from tools.harness.runner import run_with

LINES = ", ".join(f"x{x}: [{x}, 0, {x}, 120]" for x in range(10, 160, 10))
COUNTED = [f"sink.lines={{clip: {{{LINES}}}}}", "sink.event_pictures=true"]


def pictures(folder):
    return {path.name: path.read_bytes() for path in (folder / "clip/events").iterdir()}


@pytest.mark.parametrize("overlay", ["true", "false"])
def test_each_crossing_has_its_picture_even_if_the_sink_is_killed(tmp_path, overlay):
    clip = make_clip(tmp_path / "material", 150)

    def harm(victim):
        for frames in (30, 60, 90):
            victim.wait(lambda least=frames: victim.frames() >= least)
            os.kill(victim.supervisor.processes()["sink"], signal.SIGKILL)
            victim.wait(victim.is_ready)

    slow = [detections_setting(clip, delay_ms=10), *COUNTED, f"sink.overlay={overlay}"]
    run_with([str(clip)], tmp_path / "whole", [detections_setting(clip), *COUNTED])
    result = run_with([str(clip)], tmp_path / "killed", slow, harm)
    assert result.restarts == {"sink": 3}
    rows = (tmp_path / "whole/clip/crossings.txt").read_text().splitlines()
    columns = [row.split(",") for row in rows]
    names = [f"{int(row[0]):010}-{row[4]}-{row[5]}-{row[2]}.jpg" for row in columns]
    assert len(names) > 10
    assert sorted(pictures(tmp_path / "whole")) == sorted(names)
    assert pictures(tmp_path / "killed") == pictures(tmp_path / "whole")
