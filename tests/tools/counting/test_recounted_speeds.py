"""Speeds at lines from ground points that a run did not have."""

from __future__ import annotations

import json
import shutil
from fractions import Fraction
from functools import partial
from pathlib import Path

import pytest

from stages.result_files import GROUND, TIMES, TRACKS
from stages.sink.ground import Ground
from stages.sink.options import SinkOptions
from tests.tools.invoking import output_of
from tools.counting.counts import Crossing, StreamCounts
from tools.counting.intervals import Clock
from tools.counting.recount import recount
from tools.counting.track_file import TrackFile
from tools.harness.material import detections_setting, make_clip
from tools.harness.runner import run_with

count = partial(output_of, "count")

CLOCK = Clock(1)
LINES = {f"x{x}": (x, 0, x + 9, 120) for x in range(10, 160, 10)}
GROUND_POINTS = ((0, 0, 0, 0), (160, 0, 16, 0), (160, 120, 16, 12), (0, 120, 0, 12))
MEASURED = SinkOptions(lines=LINES, ground=Ground(GROUND_POINTS))
GATE = SinkOptions(lines={"gate": (50, 0, 50, 90)}, ground=Ground(GROUND_POINTS))


def crossings(run: Path | TrackFile, options: SinkOptions | None = None) -> list[Crossing]:
    """Returns the crossings of a run: its own, or those at lines that are drawn afterwards."""
    counts = StreamCounts()
    counts.add(run, CLOCK, None if options is None else recount(run, options, CLOCK))
    return counts.crossings


def written(folder: Path, lefts: list[float | None]) -> Path:
    """Writes the results of a vehicle of 20x20 pixels, unseen where None, at 25 frames/s."""
    seen = [(n, left) for n, left in enumerate(lefts, 1) if left is not None]
    (folder / TRACKS).write_text(
        "".join(f"{n},7,{left},10,20,20,0.9,-1,-1,-1\n" for n, left in seen)
    )
    (folder / TIMES).write_text("".join(f"{n},{(n - 1) / 25:.3f}\n" for n in range(1, 400)))
    return folder


def test_speeds_are_close_to_those_of_a_run_with_the_ground_points(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "material", 200)
    drawn = [
        f"sink.lines={json.dumps({'clip': LINES})}",
        f"sink.ground={json.dumps({'clip': GROUND_POINTS})}",
        "sink.overlay=false",
    ]
    run_with([str(clip)], tmp_path / "out", [detections_setting(clip), *drawn])
    folder = tmp_path / "out" / "clip"
    own = crossings(folder)
    (folder / GROUND).unlink()
    assert {each.speed for each in crossings(folder)} == {None}
    again = crossings(folder, MEASURED)
    assert [each[:4] for each in again] == [each[:4] for each in own]
    assert [each.speed is None for each in again] == [each.speed is None for each in own]
    pairs = [(a.speed, b.speed) for a, b in zip(again, own, strict=True) if a.speed and b.speed]
    assert len(pairs) > 5
    assert [a for a, _ in pairs] == pytest.approx([b for _, b in pairs], abs=0.15)
    # Without the size of the frames, speeds near the right and bottom edge are known as well.
    shutil.copy(folder / TRACKS, tmp_path / "clip.txt")
    of_file = crossings(TrackFile.read(tmp_path / "clip.txt", Fraction(25)), MEASURED)
    assert len(of_file) == len(again)
    for unbounded, bounded in zip(of_file, again, strict=True):
        assert bounded.speed is None or unbounded.speed is not None


def test_a_speed_is_that_of_the_crossing_even_if_it_is_confirmed_much_later(
    tmp_path: Path,
) -> None:
    # At 2 px (0.2 m) a frame, 18 km/h, it stops 1 px beyond the line, and goes on after 300 frames.
    driven = [n * 2.0 for n in range(21)]
    folder = written(tmp_path, [*driven, *[41.0] * 300, 44.0, 48.0])
    [crossing] = crossings(folder, GATE)
    assert (crossing.interval.at, crossing.speed) == (0, 18.0)
    # Unseen for two seconds, it has jitter across the line, and its speed is not known yet.
    written(tmp_path, [*driven, *[None] * 50, 38.0, 44.0, 48.0])
    [crossing] = crossings(folder, GATE)
    assert (crossing.interval.at, crossing.speed) == (2, None)


def test_ground_points_of_the_config_replace_the_speeds_of_the_run(tmp_path: Path) -> None:
    folder = written(tmp_path, [n * 2.0 for n in range(40)])
    (folder / GROUND).write_text("21,7,5.00,3.00,99.0\n")
    only_lines = SinkOptions(lines=GATE.lines)
    assert [each.speed for each in crossings(folder, only_lines)] == [99.0]
    assert [each.speed for each in crossings(folder, GATE)] == [18.0]


def test_tracks_without_a_frame_size_have_speeds(tmp_path: Path) -> None:
    folder = written(tmp_path, [n * 2.0 for n in range(40)])
    (tmp_path / "clip.txt").write_text((folder / TRACKS).read_text())
    file = TrackFile.read(tmp_path / "clip.txt", Fraction(25))
    assert [each.speed for each in crossings(file, GATE)] == [18.0]


def test_ground_points_without_effect_are_reported(tmp_path: Path) -> None:
    for name in ("east", "west"):
        (tmp_path / name).mkdir()
        written(tmp_path / name, [n * 2.0 for n in range(40)])
    lines = f"sink.lines={json.dumps({'east': GATE.lines})}"
    zones = "sink.zones={west: {box: [[0, 0], [99, 0], [99, 90]]}}"

    def printed(stream: str) -> str:
        ground = f"sink.ground={json.dumps({stream: GROUND_POINTS})}"
        return count(tmp_path, "--set", lines, "--set", zones, "--set", ground)

    message = "spotstream: sink.ground: no effect, since no stream with ground points has lines\n"
    assert message in printed("west")
    assert "spotstream: sink.ground: no stream is called north; there are " in printed("north")
    assert "sink.ground" not in printed("east")
    assert "sink.ground" not in printed("*")
    assert "18.0" in printed("east")
