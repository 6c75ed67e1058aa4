"""Lines and zones that were drawn after a run, counted on its tracks."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from pipeline.config import RunConfig, SinkConfig
from pipeline.workers.checkpoint import Checkpoint
from stages.errors import ConfigError
from stages.result_files import CROSSINGS, REPORT, TIMES, TRACKS, ZONES
from stages.sink.folder_contents import CHECKPOINT
from stages.sink.options import SinkOptions
from stages.sink.stream_results import StreamResults
from stages.sink.timing import Written
from tests.stages.sink.conftest import make_header, make_start, make_tracks
from tests.stages.sink.stream import end
from tools.counting.counts import TABLES, StreamCounts
from tools.counting.intervals import Clock
from tools.counting.recount import Recount, drawn_options, recount
from tools.harness.material import detections_of, detections_setting, make_clip
from tools.harness.runner import run_with
from tools.results.rows import rows

CLOCK = Clock(1)
NOW = Written(0, 0)
LINES = {f"x{x}": (x, 0, x + 9, 120) for x in range(10, 160, 10)}
ZONES_DRAWN = {
    "east": ((80, 0), (160, 0), (160, 120), (80, 120)),
    "middle": ((50, 40), (90, 30), (100, 80)),
}
DRAWN = SinkOptions(lines=LINES, zones=ZONES_DRAWN)
GATE = SinkOptions(lines={"gate": (25, 0, 25, 90)}, zones={"box": ((30, 0), (99, 0), (99, 90))})


def own_counts(folder: Path) -> Recount:
    """Returns what the run itself has counted."""
    crossed = rows(folder, CROSSINGS, int, CLOCK.moment, int, str, str, str)
    events = rows(folder, ZONES, int, CLOCK.interval, int, str, str, str, float)
    return Recount([*crossed], [*events], ())


def zone_table(folder: Path, recounted: Recount | None = None) -> list[dict[str, object]]:
    counts = StreamCounts()
    counts.add(folder, CLOCK, recounted)
    return TABLES["zones"].by_interval(counts)


def written(tracks: str, times: str, folder: Path) -> Path:
    (folder / TRACKS).write_text(tracks)
    (folder / TIMES).write_text(times)
    return folder


def test_all_rows_equal_those_of_the_run_itself(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "material", 150)
    found = [row.split(",") for row in detections_of(clip).read_text().splitlines()]
    uavdt = [(frame, "-1", *box, str(1 + int(track) % 3), "-1") for frame, track, *box in found]
    detections_of(clip).write_text("".join(f"{','.join(row)}\n" for row in uavdt))
    drawn = [
        f"sink.lines={json.dumps({'clip': LINES})}",
        f"sink.zones={json.dumps({'clip': ZONES_DRAWN})}",
        "sink.overlay=false",
        "sink.text_minutes=0.05",
    ]
    run_with([str(clip)], tmp_path / "out", [detections_setting(clip), *drawn])
    folder = tmp_path / "out" / "clip"
    second = folder / "mot-2.txt"
    (folder / "mot-2.txt.gz").write_bytes(gzip.compress(second.read_bytes()))
    second.unlink()
    own = own_counts(folder)
    assert len(own.crossings) > 10
    assert {event for *_, event, _ in own.zone_events} == {"enter", "leave", "lost"}
    assert {row[3] for row in own.crossings} == {"car", "truck", "bus"}
    again = recount(folder, DRAWN, CLOCK)
    assert again.crossings == own.crossings
    # Within a frame, the order of events depends on that of the tracks.
    assert sorted(again.zone_events) == sorted(own.zone_events)
    assert again.faults == ()
    assert zone_table(folder, again) == zone_table(folder)
    assert len({row["mean_vehicles"] for row in zone_table(folder)}) > 5


def test_a_camera_in_progress_is_counted_with_its_class_names(tmp_path: Path) -> None:
    folder = tmp_path / "cam"
    results = StreamResults(folder, SinkOptions(overlay=False, lines=GATE.lines, zones=GATE.zones))
    results.start(make_start(live=True))
    # It disconnects between frames 3 and 9; a vehicle is lost then, and another one appears.
    for index, (left, track) in enumerate([(0, 3), (20, 3), (60, 3), (0, 4), (30, 4), (60, 4)]):
        is_back = index > 2
        header = make_header(
            index + 5 * is_back,
            epoch=int(is_back),
            pts=(index - 3 * is_back) * 512,
            captured_ns=index * 40_000_000 + is_back * 20_000_000_000,
        )
        if index == 3:
            results.start(make_start(live=True, epoch=1))
        results.write(make_tracks(header, [[left, 20, left + 20, 30]], [track]), None, {}, NOW)
    own = own_counts(folder)
    crossed = [(vehicle, "car", "gate", "left") for vehicle in (3, 4)]
    assert [row[2:] for row in own.crossings] == crossed
    assert {row[5] for row in own.zone_events} == {"enter", "lost"}
    assert recount(folder, GATE, CLOCK).crossings[0][3] == ""  # the names are not known yet
    Checkpoint(6, results.state()).save(folder / CHECKPOINT)
    assert not (folder / REPORT).exists()
    assert recount(folder, GATE, CLOCK) == own
    outside = SinkOptions(lines={"far": (0, 500, 90, 500)})
    assert len(recount(folder, outside, CLOCK).faults) == 1  # the frame size is known, too
    under_way = zone_table(folder)
    # Each vehicle is inside in the last of its three frames.
    assert [row["mean_vehicles"] for row in under_way] == ["0.33", "0.33"]
    results.finish(end(6), {})
    assert recount(folder, GATE, CLOCK) == own
    assert zone_table(folder) == zone_table(folder, own) == under_way


def test_a_camera_whose_clock_is_set_back_has_no_negative_stays(tmp_path: Path) -> None:
    tracks = "".join(f"{n},7,{30 + 10 * n},10,20,20,0.9,-1,-1,-1\n" for n in range(1, 7))
    seconds = (10.0, 11.0, 2.0, 3.0, 4.0, 5.0)
    times = "".join(
        f"{n},2026-05-04T10:00:{s:06.3f}+00:00\n" for n, s in enumerate(seconds, start=1)
    )
    zone = SinkOptions(zones={"box": ((0, 0), (85, 0), (85, 99), (0, 99))})
    found = recount(written(tracks, times, tmp_path), zone, CLOCK).zone_events
    assert [(row[0], *row[5:]) for row in found] == [(1, "enter", 0.0), (4, "leave", 2.0)]


def test_a_vehicle_is_lost_in_frames_without_tracks(tmp_path: Path) -> None:
    times = "".join(f"{n},{n / 4:.3f}\n" for n in range(1, 40))
    folder = written("2,7,40,10,20,20,0.9,-1,-1,-1\n", times, tmp_path)
    zone = SinkOptions(zones={"box": ((0, 0), (85, 0), (85, 99), (0, 99))})
    found = recount(folder, zone, CLOCK).zone_events
    assert [(row[0], *row[4:]) for row in found] == [
        (2, "box", "enter", 0.0),
        (2, "box", "lost", 0.0),
    ]


def test_tracks_of_frames_that_have_no_time_yet_are_left_out(tmp_path: Path) -> None:
    row = "{},7,{},10,20,20,0.9,-1,-1,-1\n".format
    folder = written(row(1, 0) + row(2, 40) + row(3, 0), "2,0.0\n", tmp_path)
    assert recount(folder, GATE, CLOCK).crossings == []
    (folder / TIMES).write_text("1,0.0\n2,0.040\n")
    assert len(recount(folder, GATE, CLOCK).crossings) == 1


@pytest.mark.parametrize(
    ("tracks", "times", "message"),
    [
        ("1,7,0,10,20,20,0.9,-1,-1,-1\n", "", "mot.txt has rows, but times.txt"),
        (
            "".join(f"{n},{i},0,10,20,20,0.9,-1,-1,-1\n" for i in (7, 8) for n in (1, 2)),
            "1,0.0\n2,0.040\n",
            r"mot.txt has frame 1 after frame 2; sort its rows by frame \(sort ",
        ),
        ("", "2,0.040\n1,0.0\n", "times.txt has frame 1 after frame 2; sort"),
        ("1,7,0,10,20,20,0.9,99999,-1,-1\n", "1,0.0\n", "mot.txt:1: not a row of mot.txt"),
        (f"1,{10**20},0,10,20,20,0.9,1,-1,-1\n", "1,0.0\n", "mot.txt:1: not a row of mot.txt"),
        ("1,7,0,10,20,20\n", "1,0.0\n", "mot.txt:1: not a row of mot.txt"),
        ("", "1,0.0\n2,noon\n", "times.txt:2: not a row of times.txt"),
        ("", "1,inf\n", "times.txt:1: not a row of times.txt"),
    ],
)
def test_malformed_and_unsorted_rows_are_reported(
    tmp_path: Path, tracks: str, times: str, message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        recount(written(tracks, times, tmp_path), GATE, CLOCK)


def test_lines_that_do_not_fit_the_frames_are_reported(tmp_path: Path) -> None:
    folder = written("", "1,0.0\n", tmp_path)
    outside = SinkOptions(lines={"far": (0, 500, 90, 500)})
    assert recount(folder, outside, CLOCK).faults == ()  # the size of the frames is unknown
    (folder / REPORT).write_text('{"frame_size": [128, 96]}')
    [fault] = recount(folder, outside, CLOCK).faults
    assert fault.startswith("line 'far' lies outside the frame of 128x96")


def test_streams_have_the_shapes_under_their_names_and_those_for_all() -> None:
    gate, box = (0.0, 0.0, 9.0, 9.0), ((0.0, 0.0), (9.0, 0.0), (9.0, 9.0))
    lines = {"east": {"own": gate}}
    drawn = drawn_options(RunConfig(sink=SinkConfig(lines=lines)), ["east", "west"])
    assert {name: [*options.lines] for name, options in drawn.items()} == {"east": ["own"]}
    config = RunConfig(sink=SinkConfig(lines=lines, zones={"*": {"all": box}}))
    assert [*drawn_options(config, ["east", "west"])] == ["east", "west"]
    with pytest.raises(ConfigError, match=r"nothing for west: they are for east$"):
        drawn_options(RunConfig(sink=SinkConfig(lines=lines)), ["west"])
    with pytest.raises(ConfigError, match=r"neither sink\.lines nor sink\.zones"):
        drawn_options(RunConfig(), ["west"])
