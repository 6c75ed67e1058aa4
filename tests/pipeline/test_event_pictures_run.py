"""Runs that save pictures of the vehicles that they count."""

import os
import signal

import pytest

from stages.atomic import part_path
from stages.result_files import event_pictures
from tests.pipeline.disturbed import kill
from tools.harness.material import detections_setting, make_clip
from tools.harness.runner import run_with

LINES = ", ".join(f"x{x}: [{x}, 0, {x}, 120]" for x in range(10, 160, 10))
COUNTED = [f"sink.lines={{clip: {{{LINES}}}}}", "sink.event_pictures=true"]


def pictures(folder):
    return {path.name: path.read_bytes() for path in (folder / "clip/events").iterdir()}


def names_of_rows(folder):
    rows = (folder / "clip/crossings.txt").read_text().splitlines()
    columns = [row.split(",") for row in rows]
    return sorted(f"{int(row[0]):010}-{row[4]}-{row[5]}-{row[2]}.jpg" for row in columns)


@pytest.fixture(scope="module")
def whole(clip, tmp_path_factory):
    """The pictures of an undisturbed run."""
    folder = tmp_path_factory.mktemp("whole")
    run_with([str(clip)], folder, [detections_setting(clip), *COUNTED])
    names = names_of_rows(folder)
    assert len(names) > 10
    assert sorted(pictures(folder)) == names
    return pictures(folder)


@pytest.mark.parametrize("overlay", ["true", "false"])
def test_each_crossing_has_its_picture_even_if_the_sink_is_killed(clip, whole, tmp_path, overlay):
    slow = [detections_setting(clip, delay_ms=10), *COUNTED, f"sink.overlay={overlay}"]
    harm = kill(*["sink"] * 3, at=[30, 60, 90])
    result = run_with([str(clip)], tmp_path, slow, harm)
    assert result.restarts == {"sink": 3}
    assert pictures(tmp_path) == whole


def test_pictures_of_frames_redone_with_other_ids_are_removed(tmp_path, in_workers):
    clip, out, shown = make_clip(tmp_path / "material", 75), tmp_path / "out", 20
    in_workers(
        f"""
import time
from pathlib import Path
from pipeline.workers import checkpoint
from stages.sink.painter import OverlayPainter

checkpoint._INTERVAL_NS = 10**12  # it would wait for the overlay, and frames for it

def draw(painter, canvas, tracks, *shown, draw=OverlayPainter.draw):
    while tracks.frame.index >= {shown} and not Path({str(tmp_path / "killed")!r}).exists():
        time.sleep(0.01)
    draw(painter, canvas, tracks, *shown)

OverlayPainter.draw = draw
"""
    )
    found = []

    def saved():
        return event_pictures(out / "clip")

    def harm(victim):
        victim.wait(lambda: sum(int(path.name[:10]) > shown for path in saved()) > 3)
        processes = victim.supervisor.processes()
        os.kill(processes["sink"], signal.SIGKILL)
        os.kill(processes["tracker"], signal.SIGKILL)
        found[:] = saved()
        found[-1].rename(part_path(found[-1]))  # as if it was being written
        (tmp_path / "killed").touch()

    live = ["runtime.mode=live", "decoder.pace=original", "runtime.slots=40", "runtime.in_flight=9"]
    lines = ", ".join(f"x{x}: [{x}, 0, {x}, 120]" for x in range(2, 160, 2))
    given = [detections_setting(clip), *COUNTED, f"sink.lines={{clip: {{{lines}}}}}", *live]
    result = run_with([str(clip)], out, given, harm)
    assert result.restarts == {"sink": 1, "tracker": 1}
    names = names_of_rows(out)
    assert len({path.name for path in found} - set(names)) > 3
    assert sorted(pictures(out)) == names
