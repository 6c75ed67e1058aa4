"""Measurements of the vehicles of a stream in its results."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from stages.measurements import Counts, Crossing, Crossings, ZoneEvents
from stages.result_files import read_report
from stages.sink.crossings import crossing_rows
from stages.sink.earlier_picture import EarlierPicture
from stages.sink.ground import Ground
from stages.sink.kitti import kitti_rows
from stages.sink.options import SinkOptions
from stages.sink.stream_results import StreamResults
from stages.sink.timing import Written
from stages.sink.zones import zone_rows
from tests.stages.sink.conftest import gray, make_header, make_start, make_tracks
from tests.stages.sink.stream import TEXT, TEXTS, end

NOW = Written(0, 0)


def notices(results: StreamResults) -> list[str]:
    return [results.notices.get_nowait() for _ in range(results.notices.qsize())]


def test_lines_and_ground_that_do_not_fit_the_frame_are_reported(tmp_path: Path) -> None:
    lines = {"gate": (0, 50, 128, 50), "outside": (0, 97, 128, 120), "share": (0, 0.5, 1, 0.5)}
    ground = ((0, 0, 0, 0), (200, 0, 20, 0), (100, 90, 10, -9), (0, 90, 0, -9))
    options = dataclasses.replace(TEXT, lines=lines, ground=Ground(ground))
    results = StreamResults(tmp_path / "cam", options)
    results.start(make_start())
    assert notices(results) == [
        "line 'outside' lies outside the frame of 128x96: nothing will cross it",
        "line 'share' is 1.0 pixels long; its ends are in pixels of the frame",
        "ground: [200, 0] lies outside the frame of 128x96; "
        "the first two numbers of a point are in pixels of the frame",
    ]
    results.start(make_start(epoch=1))
    assert notices(results) == []


@pytest.mark.parametrize(
    "places",
    [
        {"lines": {"gate": (0, 70, 128, 70)}},
        {"zones": {"box": ((0, 70), (99, 70), (99, 90), (0, 90))}},
        {"ground": Ground(((0, 0, 0, 0), (100, 0, 10, 0), (100, 90, 10, -9), (0, 90, 0, -9)))},
    ],
)
def test_a_change_of_size_is_reported_with_what_no_longer_fits(
    tmp_path: Path, places: dict[str, Any]
) -> None:
    results = StreamResults(tmp_path / "cam", dataclasses.replace(TEXT, **places))
    results.start(make_start())
    assert notices(results) == []
    results.start(make_start(epoch=1, height=64))
    change, fault = notices(results)
    assert change == (
        "after frame 0, frames are 128x64 instead of 128x96; lines, zones and ground points are "
        "still in pixels of the earlier ones"
    )
    assert "outside the frame of 128x64" in fault


def test_crossings_are_returned_and_written(tmp_path: Path) -> None:
    results = StreamResults(
        tmp_path / "cam", dataclasses.replace(TEXT, lines={"gate": (25, 0, 25, 90)})
    )
    results.start(make_start(live=True))
    measured = []
    for index, left in ((7, 0), (8, 40)):
        tracks = make_tracks(make_header(index), [[left, 20, left + 20, 50]], [3])
        measured += results.write(tracks, gray(tracks.frame), {}, NOW)
    crossed = (Crossing(9, "1970-01-01T00:00:00.320+00:00", 3, 0, "gate", "left"),)
    assert measured == [Crossings("cam", crossed, {"gate": Counts(1, 0)})]
    results.finish(end(9), {})
    assert (tmp_path / "cam/crossings.txt").read_text() == crossing_rows(
        crossed, make_start().class_names
    )
    assert not (tmp_path / "cam/events").exists()  # event pictures are off


def test_zone_events_are_returned_and_written(tmp_path: Path) -> None:
    zones = {"box": ((30, 0), (99, 0), (99, 90), (30, 90))}
    options = dataclasses.replace(TEXT, zones=zones, zone_stay_seconds=dict.fromkeys(zones, 0.04))
    results = StreamResults(tmp_path / "cam", options)
    results.start(make_start())
    measured = []
    for index, left in enumerate((0, 40, 50, 99)):
        tracks = make_tracks(make_header(index), [[left, 20, left + 20, 50]], [3])
        measured += results.write(tracks, None, {}, NOW)
    events = [event for each in measured if isinstance(each, ZoneEvents) for event in each.events]
    assert [(each.kind, each.time, each.seconds) for each in events] == [
        ("enter", "0.040", 0.0),
        ("stay", "0.080", 0.04),
        ("leave", "0.080", 0.04),
    ]
    report = results.finish(end(4), {})
    assert report.files == (*TEXTS, "zones.txt")
    assert (tmp_path / "cam/zones.txt").read_text() == zone_rows(events, make_start().class_names)
    found = read_report(tmp_path / "cam")["zones"]
    assert found == {"box": {"entered": 1, "inside": 0}}


def test_what_is_drawn_on_a_picture_fits_frames_of_any_size(tmp_path: Path) -> None:
    lines = {"outside": (0, 97, 128, 120)}
    ground = ((0, 0, 0, 0), (200, 0, 20, 0), (100, 90, 10, -9), (0, 90, 0, -9))
    options = dataclasses.replace(TEXT, lines=lines, ground=Ground(ground), views=True)
    results = StreamResults(tmp_path / "cam", options)
    results.start(make_start())
    assert notices(results) == []
    results.start(make_start(epoch=1, height=64))
    assert notices(results) == ["after frame 0, frames are 128x64 instead of 128x96"]


def test_the_views_of_frames_that_were_found_are_written(tmp_path: Path) -> None:
    results = StreamResults(tmp_path / "cam", dataclasses.replace(TEXT, views=True))
    results.start(make_start())
    found = (1.0, 0.0, 1234.5678901, 1e-7, 1 / 3, -20.0, 0.0, -1.23456789012e-5, 1.0)
    for index, view in enumerate([found, (), found]):
        header = dataclasses.replace(make_header(index), view=view)
        results.write(make_tracks(header, [[30, 20, 50, 50]], [3]), None, {}, NOW)
    assert results.finish(end(3), {}).files == (*TEXTS, "views.txt")
    view = "1,0,1234.56789,1e-07,0.333333333,-20,0,-1.23456789e-05,1"
    assert (tmp_path / "cam/views.txt").read_text() == f"1,{view}\n3,{view}\n"


def test_ground_positions_and_kitti_rows_are_written(tmp_path: Path) -> None:
    ground = ((0, 0, 0, 0), (100, 0, 10, 0), (100, 90, 10, -9), (0, 90, 0, -9))
    results = StreamResults(
        tmp_path / "cam", dataclasses.replace(TEXT, ground=Ground(ground), kitti=True)
    )
    results.start(make_start())
    tracks = make_tracks(make_header(0), [[30, 20, 50, 50]], [3])
    results.write(tracks, None, {}, NOW)
    assert results.finish(end(1), {}).files == (*TEXTS, "ground.txt", "kitti.txt")
    assert (tmp_path / "cam/ground.txt").read_text() == "1,3,4.00,-5.00,\n"
    rows = kitti_rows(tracks, 1, make_start().class_names)
    assert (tmp_path / "cam/kitti.txt").read_text() == rows


def test_overlay_shows_the_number_of_crossings(tmp_path: Path) -> None:
    options = SinkOptions(lines={"gate": (25, 0, 25, 90)}, overlay_trail=0)
    pictures = []
    for lefts in ((0, 40, 40), (40, 40, 40)):
        results = StreamResults(tmp_path / "cam", options)
        results.start(make_start())
        for header, left in zip(map(make_header, range(3)), lefts, strict=True):
            tracks = make_tracks(header, [[left, 20, left + 20, 50]], [3])
            results.write(tracks, gray(header), {}, NOW)
        results.finish(end(3), {})
        with av.open(str(tmp_path / "cam/overlay.mp4")) as container:
            *_, last = container.decode(video=0)
        pictures.append(last.to_ndarray(format="gray").astype(np.int64))
    assert abs(pictures[0] - pictures[1]).max() > 100


@pytest.mark.parametrize("overlay", [False, True])
def test_event_pictures_are_saved_for_frames_with_pixels(tmp_path: Path, overlay: bool) -> None:
    lines = {"gate": (25, 0, 25, 90)}
    options = SinkOptions(overlay=overlay, lines=lines, event_pictures=True)
    results = StreamResults(tmp_path / "cam", options)
    results.start(make_start())
    for index, left in enumerate((0, 40, 0, 40)):
        header = make_header(index)
        pixels = None if index == 2 else gray(header)
        results.write(make_tracks(header, [[left, 20, left + 20, 50]], [3]), pixels, {}, NOW)
    results.finish(end(4), {})
    folder = tmp_path / "cam"
    assert len((folder / "crossings.txt").read_text().splitlines()) == 3
    assert {path.name for path in folder.glob("events/*")} == {
        "0000000002-gate-left-3.jpg",
        "0000000004-gate-left-3.jpg",
    }


def test_event_pictures_require_unkept_frames_to_come_again(tmp_path: Path) -> None:
    for shown in (True, False):
        options = SinkOptions(overlay=False, event_pictures=shown)
        results = StreamResults(tmp_path / "cam", options)
        results.start(make_start())
        first, second = (make_tracks(make_header(index)) for index in (0, 1))
        assert results.repeat(first, {}, NOW, EarlierPicture.KEPT) == []
        again = results.repeat(second, {}, NOW, EarlierPicture.COMES_AGAIN)
        assert again is None if shown else again == []
        assert results.ledger.written == 2 - shown
        results.abort()
