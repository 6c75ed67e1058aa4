from __future__ import annotations

import dataclasses
import json
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from stages.records import Dropped, DropReason, EndReason
from stages.result_files import is_complete, read_report
from stages.sink.folder_contents import has_results
from stages.sink.options import SinkOptions
from stages.sink.stream_results import StreamResults
from stages.sink.timing import Written
from tests.stages.sink.conftest import STEP, gray, make_header, make_start, make_tracks, names_in
from tests.stages.sink.stream import TEXT, TEXTS, end, feed, run
from tests.videos import frames_in
from tests.waiting import wait_for


def test_all_files_of_a_stream(tmp_path: Path) -> None:
    folder = tmp_path / "cam"
    report = run(folder, options=SinkOptions(toolkit_files=True))
    matrices = {f"cam_{suffix}.txt" for suffix in ("LX", "LY", "W", "H", "speed")}
    expected = {*TEXTS, "overlay.mp4", *matrices}
    assert names_in(tmp_path) == {f"cam/{name}" for name in {*expected, "run.json"}}
    assert set(report.files) == expected
    assert is_complete(folder)
    assert np.loadtxt(folder / "cam_LX.txt", delimiter=",").shape == (5, 2)
    assert report.timing.fps == pytest.approx(float(np.loadtxt(folder / "cam_speed.txt")), 0.01)


def test_rows_are_in_the_part_file_when_write_returns(tmp_path: Path) -> None:
    results = StreamResults(tmp_path / "cam", TEXT)
    results.start(make_start())
    feed(results, [make_header(0)])
    assert (tmp_path / "cam/.mot.txt.part").read_text().count("\n") == 2
    assert not has_results(tmp_path / "cam")
    results.abort()
    assert names_in(tmp_path) == set()


def test_report_has_all_keys_and_measurements(tmp_path: Path) -> None:
    results = StreamResults(tmp_path / "cam", TEXT)
    results.start(make_start(frame_rate=Fraction(30000, 1001)))
    feed(results, [make_header(0), make_header(1)])
    results.dropped(Dropped("cam", 0, 2, 4, DropReason.BEHIND))
    feed(results, [make_header(5)])
    results.dropped(Dropped("cam", 0, 6, 6, DropReason.BROKEN))
    run_info = {
        "command": ["spotstream", "run"],
        "config": {"output": Path("out"), "every": Fraction(1, 2)},
        "status": "never replaces a measured key",
    }
    results.finish(end(7, EndReason.TRUNCATED, "the file ends early"), run_info)
    text = (tmp_path / "cam/run.json").read_text()
    assert text.endswith("}\n")
    data = json.loads(text)
    assert list(data) == [
        "stream", "source", "status", "message", "frames", "dropped", "tracks", "crossings",
        "zones", "epochs", "frame_rate", "frame_size", "frame_sizes", "processing_started",
        "wall_seconds", "achieved_fps", "latency_ms", "stages_ms", "detector", "detected_by",
        "class_names", "files", "benchmark_files", "command", "config",
    ]  # fmt: skip
    assert data["status"] == "truncated"
    assert data["message"] == "the file ends early"
    assert data["frames"] == {
        "in": 7, "out": 3, "missing": 0, "missing_sequences": [], "left_out_of_overlay": 0,
        "not_found_on_picture": 0,
    }  # fmt: skip
    assert data["dropped"] == {"total": 4, "by_reason": {"broken frame": 1, "stages behind": 3}}
    assert data["tracks"] == 2
    assert data["frame_rate"] == pytest.approx(29.97003)
    assert data["frame_size"] == [128, 96]
    assert data["frame_sizes"] == [[128, 96]]
    assert data["processing_started"] == "1970-01-01T00:00:00.000+00:00"
    assert data["wall_seconds"] == pytest.approx(0.23)
    assert data["achieved_fps"] == pytest.approx(3 / 0.23, abs=0.01)
    assert data["latency_ms"] == pytest.approx({"p50": 30, "p95": 30, "p99": 30}, rel=0.01)
    assert data["stages_ms"]["detect"] == pytest.approx({"p50": 2, "p95": 6, "p99": 6}, rel=0.01)
    assert (data["detector"], data["detected_by"]) == ("SpotNet", "nano, torch")
    assert data["class_names"] == ["car", "bus", "van", "others"]
    assert data["config"] == {"output": "out", "every": "1/2"}
    assert not is_complete(tmp_path / "cam")


def test_missing_frames_are_listed_and_the_run_is_incomplete(tmp_path: Path) -> None:
    results = StreamResults(tmp_path / "cam", TEXT)
    results.start(make_start())
    feed(results, map(make_header, (0, 1, 4)))
    report = results.finish(end(7), {})
    assert report.outcome == ("incomplete", "4 of 7 frames are missing from the results")
    frames = read_report(tmp_path / "cam")["frames"]
    assert (frames["missing"], frames["missing_sequences"]) == (4, [[2, 3], [5, 6]])
    assert not is_complete(tmp_path / "cam")


def test_frames_missing_between_epochs_and_at_the_end_are_listed(tmp_path: Path) -> None:
    results = StreamResults(tmp_path / "cam", TEXT)
    results.start(make_start())
    feed(results, map(make_header, (0, 1)))
    results.start(make_start(epoch=1))
    feed(results, [make_header(4, epoch=1)])
    results.finish(dataclasses.replace(end(7), epoch=1), {})
    frames = read_report(tmp_path / "cam")["frames"]
    assert (frames["missing"], frames["missing_sequences"]) == (4, [[2, 3], [5, 6]])


def test_repeated_frames_do_not_change_the_results(tmp_path: Path) -> None:
    run(tmp_path / "a")
    results = StreamResults(tmp_path / "b")
    results.start(make_start())
    feed(results, map(make_header, (0, 1, 2, 1, 2, 3, 3, 4)))
    results.finish(end(5), {})
    for name in TEXTS:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
    with av.open(str(tmp_path / "b/overlay.mp4")) as container:
        assert container.streams.video[0].frames == 5


def test_end_without_a_start_writes_nothing(tmp_path: Path) -> None:
    report = StreamResults(tmp_path / "cam").finish(end(0, EndReason.TRUNCATED, "no size"), {})
    assert (report.outcome, report.ledger.written) == (("truncated", "no size"), 0)
    assert names_in(tmp_path) == set()


def test_loss_of_one_file_keeps_the_others(tmp_path: Path) -> None:
    results = StreamResults(tmp_path / "cam", SinkOptions(overlay=False, toolkit_files=True))
    results.start(make_start())
    feed(results, [make_header(0)])
    (tmp_path / "cam/.mot.txt.part").unlink()
    with pytest.raises(FileNotFoundError):
        results.finish(end(1), {})
    assert names_in(tmp_path) == {"cam/.detections.txt.part", "cam/.times.txt.part"}
    results.abort()


def test_files_are_written_even_without_vehicles(tmp_path: Path) -> None:
    results = StreamResults(tmp_path / "cam", SinkOptions(toolkit_files=True))
    results.start(make_start(layout="detrac"))
    for index in range(3):
        results.write(make_tracks(make_header(index)), gray(make_header(index)), {}, Written(0, 0))
    report = results.finish(end(3), {})
    assert report.ledger.tracks == 0
    assert (tmp_path / "cam/mot.txt").read_text() == ""
    assert (tmp_path / "cam/cam_LX.txt").read_text() == "0\n0\n0\n"


@pytest.mark.parametrize("layout", ["detrac", "uavdt", "mot"])
def test_benchmark_files_by_layout(tmp_path: Path, layout: str) -> None:
    report = run(tmp_path / "cam", options=TEXT, layout=layout)
    expected = {
        "detrac": {
            "detections/cam_Det_SpotNet.txt",
            *(f"tracks/cam_{suffix}.txt" for suffix in ("LX", "LY", "W", "H", "speed")),
        },
        "uavdt": {"detections/cam.txt", "tracks/cam.txt"},
        "mot": {"tracks/cam.txt"},
    }[layout]
    assert names_in(tmp_path / "benchmark") == set(report.benchmark_files) == expected
    if layout == "detrac":
        speed = float(np.loadtxt(tmp_path / "benchmark/tracks/cam_speed.txt"))
        assert report.timing.fps == pytest.approx(speed, 0.01)


def test_new_size_starts_another_overlay(tmp_path: Path) -> None:
    results = StreamResults(tmp_path / "cam")
    results.start(make_start())
    feed(results, map(make_header, range(3)))
    results.start(make_start(epoch=1, height=64, width=96))
    feed(results, [make_header(i, epoch=1, height=64, width=96) for i in (3, 4)])
    for epoch, size in ((2, {"height": 64, "width": 128}), (3, {"height": 32, "width": 128})):
        results.start(make_start(epoch=epoch, **size))
    results.finish(end(5), {})
    report = read_report(tmp_path / "cam")
    assert (report["epochs"], report["frame_size"]) == (4, [128, 32])
    assert report["frame_sizes"] == [[128, 96], [96, 64]]  # those of frames
    sizes = {}
    for name in ("overlay.mp4", "overlay-2.mp4"):
        with av.open(str(tmp_path / "cam" / name)) as container:
            stream = container.streams.video[0]
            sizes[name] = (stream.height, stream.width, stream.frames)
    assert sizes == {"overlay.mp4": (96, 128, 3), "overlay-2.mp4": (64, 96, 2)}
    assert [results.notices.get_nowait() for _ in range(results.notices.qsize())] == [
        f"after frame {change}; a new overlay begins"
        for change in (
            "3, frames are 96x64 instead of 128x96",
            "5, frames are 128x64 instead of 96x64",
            "5, frames are 128x32 instead of 128x64",
        )
    ]


def test_notice_of_a_new_size_omits_the_overlay_if_it_is_off(tmp_path: Path) -> None:
    results = StreamResults(tmp_path / "cam", TEXT)
    results.start(make_start())
    results.start(make_start(epoch=1, height=64, width=96))
    assert results.notices.get_nowait() == "after frame 0, frames are 96x64 instead of 128x96"
    results.abort()


def test_same_size_after_a_reconnect_continues_the_results(tmp_path: Path) -> None:
    results = StreamResults(tmp_path / "cam")
    results.start(make_start())
    feed(results, map(make_header, range(3)))
    results.start(make_start(epoch=1))
    feed(results, [make_header(3 + i, epoch=1, pts=i * STEP) for i in range(2)])
    report = results.finish(end(5), {})
    assert (report.outcome, report.epochs) == (("complete", ""), 2)
    rows = np.loadtxt(tmp_path / "cam/mot.txt", delimiter=",")
    assert rows[:, 0].tolist() == [1, 1, 2, 2, 3, 3, 4, 4, 5, 5]
    with av.open(str(tmp_path / "cam/overlay.mp4")) as container:
        times = [frame.time for frame in container.decode(video=0)]
    np.testing.assert_allclose(times, np.arange(5) * 0.04, atol=1e-6)


def test_long_stream_is_written_in_parts(tmp_path: Path) -> None:
    folder = tmp_path / "cam"
    minutes = 0.2 / 60
    results = StreamResults(folder, SinkOptions(overlay_minutes=minutes, text_minutes=minutes))
    results.start(make_start())
    feed(results, map(make_header, range(8)))
    results.name_earlier_texts()
    for name in ("overlay.mp4", "mot.txt"):
        wait_for((folder / name).is_file)  # before the stream has ended
    feed(results, map(make_header, range(8, 14)))
    report = results.finish(end(14), {})
    names = ("overlay.mp4", "overlay-2.mp4", "overlay-3.mp4")
    lengths = {name: frames_in(folder / name) for name in names}
    assert lengths == {"overlay.mp4": 6, "overlay-2.mp4": 6, "overlay-3.mp4": 2}
    assert set(lengths) < set(report.files)


def test_text_is_in_parts_unless_other_files_are_derived_from_it(tmp_path: Path) -> None:
    options = dataclasses.replace(TEXT, text_minutes=0.2 / 60)
    report = run(tmp_path / "camera/cam", 8, options)
    texts = (*TEXTS, "mot-2.txt", "detections-2.txt", "times-2.txt")
    assert report.files == texts
    assert names_in(tmp_path / "camera") == {f"cam/{name}" for name in (*texts, "run.json")}
    report = run(tmp_path / "data set/cam", 8, options, layout="mot")
    assert report.files == TEXTS
    report = run(tmp_path / "toolkit/cam", 8, dataclasses.replace(options, toolkit_files=True))
    assert report.files[:3] == TEXTS
    assert "mot-2.txt" not in report.files


@pytest.mark.parametrize(
    ("class_names", "expected"), [(("car", "bus"), ["2", "1"]), (("vehicle",), ["-1", "-1"])]
)
def test_tracks_have_a_class_only_if_there_are_several(
    tmp_path: Path, class_names: tuple[str, ...], expected: list[str]
) -> None:
    results = StreamResults(tmp_path / "cam", TEXT)
    results.start(make_start(class_names=class_names, layout="mot"))
    tracks = make_tracks(make_header(0), [[1, 20, 31, 50], [60, 60, 90, 80]], [7, 8])
    several = np.array([len(class_names) - 1, 0], np.int16)
    results.write(dataclasses.replace(tracks, classes=several), None, {}, Written(0, 0))
    results.finish(end(1), {})
    rows = [row.split(",") for row in (tmp_path / "cam/mot.txt").read_text().splitlines()]
    assert [row[7] for row in rows] == expected
    benchmark = (tmp_path / "benchmark/tracks/cam.txt").read_text().splitlines()
    assert benchmark == [",".join((*row[:7], "-1", "-1", "-1")) for row in rows]


@pytest.mark.parametrize(("options", "left_out"), [(SinkOptions(), 1), (TEXT, 0)])
def test_without_pixels_there_is_no_overlay(
    tmp_path: Path, options: SinkOptions, left_out: int
) -> None:
    results = StreamResults(tmp_path / "cam", options)
    results.start(make_start())
    results.write(make_tracks(make_header(0)), None, {}, Written(0, 0))
    report = results.finish(end(1), {})
    assert names_in(tmp_path / "cam") == {*TEXTS, "run.json"}
    assert (report.files, report.left_out) == (TEXTS, left_out)
