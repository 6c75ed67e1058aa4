"""The frames of a run with their views."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from stages.records import View
from stages.result_files import CROSSINGS, REPORT, TIMES, TRACKS, VIEWS
from stages.sink.ground import Ground
from stages.sink.options import SinkOptions
from stages.sink.stream_results import StreamResults
from stages.sink.timing import Written
from tests.stages.sink.conftest import make_header, make_start, make_tracks
from tests.stages.sink.stream import end
from tools.counting.frames import classes_and_size, frames_of_run
from tools.counting.intervals import Clock
from tools.counting.recount import recount
from tools.results.rows import rows

CLOCK = Clock(1)


def shifted(right: int) -> View:
    """The view of a frame that lies this many pixels to the right of the picture's left edge."""
    return (1.0, 0.0, float(right), 0.0, 1.0, 0.0, 0.0, 0.0, 1.0)


def test_lines_are_counted_by_the_views_of_the_frames(tmp_path: Path) -> None:
    lines = {"gate": (25.0, 0.0, 25.0, 90.0)}
    ground = ((0, 0, 0, 0), (100, 0, 10, 0), (100, 90, 10, 9), (0, 90, 0, 9))
    drawn = SinkOptions(overlay=False, lines=lines, ground=Ground(ground), text_minutes=0.01)
    results = StreamResults(tmp_path, replace(drawn, views=True))
    results.start(make_start())
    for index, left, view in [
        (0, 20, shifted(-20)),
        (10, 90, ()),  # it is unknown where this is
        (12, 20, shifted(20)),
        (37, 0, ()),
        (39, 20, shifted(-20)),
    ]:
        tracks = make_tracks(
            replace(make_header(index), view=view), [[left, 20, left + 20, 50]], [3]
        )
        results.write(tracks, None, {}, Written(0, 0))
    results.finish(end(5), {})
    assert (tmp_path / "views-2.txt").exists()
    own = [*rows(tmp_path, CROSSINGS, int, CLOCK.moment, int, str, str, str)]
    assert [(row[0], row[-1]) for row in own] == [(13, "left"), (40, "right")]
    found = recount(tmp_path, drawn, CLOCK)
    assert found.crossings == own
    assert found.faults == ()


def test_frames_whose_views_were_removed_have_none(tmp_path: Path) -> None:
    (tmp_path / TRACKS).write_text("")
    (tmp_path / TIMES).write_text("1,0.000\n2,0.040\n3,0.080\n4,0.120\n")
    (tmp_path / "views-2.txt").write_text("2,1,0,5,0,1,0,0,0,1\n4,1,0,6,0,1,0,0,0,1\n")
    views = [tracks.frame.view for tracks, _ in frames_of_run(tmp_path, 0, 0)]
    assert views == [(), shifted(5), (), shifted(6)]
    (tmp_path / "views-2.txt").rename(tmp_path / VIEWS.replace("views", "other"))
    assert {tracks.frame.view for tracks, _ in frames_of_run(tmp_path, 0, 0)} == {None}


def test_frames_on_a_picture_that_changed_in_size_are_of_unknown_size(tmp_path: Path) -> None:
    """Otherwise, boxes of earlier frames, beyond the edges of later ones, would not be counted."""
    sizes = {"frame_size": [40, 20], "frame_sizes": [[100, 50], [40, 20]]}
    (tmp_path / REPORT).write_text(json.dumps(sizes))
    assert classes_and_size(tmp_path) == ((), (40, 20))
    (tmp_path / VIEWS).write_text("")
    assert classes_and_size(tmp_path) == ((), (0, 0))
