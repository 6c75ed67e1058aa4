"""Labels of overlays in the scene of the maps."""

import json
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from pipeline.config import RunConfig, SinkConfig
from pipeline.sink_options import sink_options
from pipeline.workers.run_record import RunRecord
from stages.measurements import Counts, ZoneCounts
from stages.records import UInt8Array
from stages.result_files import CROSSINGS, OVERLAY, REPORT, TRACKS, ZONES
from stages.sink.counting import Readings
from stages.sink.folder_contents import RUN
from stages.sink.painter import OverlayPainter
from stages.sink.pictures import canvas_of
from tests.stages.sink.conftest import make_header, make_tracks
from tools.mapping.stream import traffic_of

HEIGHT, WIDTH = 240, 320
FRAMES = 12
LINES = {"gate": (20.0, 60.0, 300.0, 60.0), "edge": (310.0, 120.0, 20.0, 120.0)}
KINDS = ("enter", "stay", "leave")
STOP = {"stop": ((30.0, 160.0), (200.0, 160.0), (200.0, 200.0), (30.0, 200.0))}


def config(overlay_height: int | None = None) -> RunConfig:
    sink = SinkConfig(lines={"*": LINES}, zones={"north": STOP}, overlay_height=overlay_height)
    return RunConfig(sink=sink)


def write_results(folder: Path, run: RunConfig, *, live: bool = False) -> None:
    """Writes an overlay on which each frame adds to the counts, their rows and the report."""
    options = sink_options(run, "north", live=live)
    painter = OverlayPainter(HEIGHT, WIDTH, (), options, live=live)
    grey = np.full((painter.height, painter.width, 3), 100, np.uint8)
    with av.open(str(folder / OVERLAY), "w") as container:
        stream = container.add_stream("libx264", rate=Fraction(25), options={"qp": "0"})
        stream.width, stream.height, stream.pix_fmt = painter.width, painter.height, "yuv420p"
        for number in range(1, FRAMES + 1):
            frame = av.VideoFrame.from_ndarray(grey, format="bgr24").reformat(format="yuv420p")
            readings = Readings(
                {name: Counts(number, 0) for name in options.lines},
                {name: ZoneCounts(number, number) for name in options.zones},
            )
            header = make_header(5000 + number, height=HEIGHT, width=WIDTH)
            painter.draw(canvas_of(frame), make_tracks(header), header.index, readings)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    numbers = range(1, FRAMES + 1)
    crossed = [f"{n},0.0,{n},car,{line},left\n" for n in numbers for line in LINES]
    (folder / CROSSINGS).write_text("".join(crossed))
    zone_events = [f"{n},0.0,{n},car,stop,{kind},0.000\n" for n in numbers for kind in KINDS]
    (folder / ZONES).write_text("".join(zone_events))
    (folder / TRACKS).touch()
    record = RunRecord.of("north", run, lossless=not live)
    report = {**record.to_plain(), "frame_size": [WIDTH, HEIGHT]}
    (folder / REPORT).write_text(json.dumps(report))


def text_width(scene: UInt8Array, y: int) -> int:
    """Returns the width of the dark letters near a row."""
    columns = np.flatnonzero((scene[y - 6 : y + 6, :, 0] < 85).any(axis=0))
    return int(np.ptp(columns))


@pytest.mark.parametrize(("overlay_height", "ended"), [(None, True), (160, True), (None, False)])
def test_the_scene_shows_lines_and_zones_with_names_but_without_counts(
    tmp_path: Path, overlay_height: int | None, ended: bool
) -> None:
    write_results(tmp_path, config(overlay_height))
    if not ended:
        (tmp_path / REPORT).unlink()
        RunRecord.of("north", config(overlay_height), lossless=True).save(tmp_path / RUN)
    _, scene = traffic_of("north", [tmp_path], None)
    scale = HEIGHT / (overlay_height or HEIGHT)
    for y in (60, 120, 160):
        assert 10 * scale < text_width(scene, y) < 25 * scale  # four letters
        assert (scene[y] > 150).any()
    assert (scene[-8:, :100] < 130).all()  # neither frame number nor time
    assert (scene[8:40] == scene[0, 0]).all()


@pytest.mark.parametrize("overlay_height", [None, 120])
def test_the_scene_of_a_live_stream_shows_no_capture_time(
    tmp_path: Path, overlay_height: int | None
) -> None:
    """In 120 rows, the stamp of a higher frame number would be wider than the picture."""
    write_results(tmp_path, config(overlay_height), live=True)
    _, scene = traffic_of("north", [tmp_path], None)
    assert (scene[-8:] < 130).all()


def test_lines_of_one_run_leave_no_mark_on_a_scene_without_them(tmp_path: Path) -> None:
    folders = [tmp_path / name for name in ("a", "b", "c")]
    for folder, run in zip(folders, (config(), RunConfig(), RunConfig()), strict=True):
        folder.mkdir()
        write_results(folder, run)
    _, scene = traffic_of("north", folders, None)
    assert (abs(scene[:-30].astype(int) - scene[0, 0]) < 3).all()


@pytest.mark.parametrize("sink", [None, {}, {"lines": {"*": [1]}, "zones": {}}])
def test_a_scene_of_unknown_lines_is_left_as_it_is(tmp_path: Path, sink: object) -> None:
    write_results(tmp_path, config())
    report = {"frame_size": [WIDTH, HEIGHT], "config": {"sink": sink}}
    (tmp_path / REPORT).write_text(json.dumps(report))
    _, scene = traffic_of("north", [tmp_path], None)
    assert text_width(scene, 60) > 40
