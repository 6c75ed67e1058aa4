from __future__ import annotations

from fractions import Fraction

import cv2
import numpy as np
import pytest

from pipeline.reports import Snapshot
from pipeline.workers.snapshots import Snapshots
from stages.color_spaces import yuv_format, yuv_matrix
from stages.records import PixelFormat
from stages.sink.options import SinkOptions
from stages.sink.stream_results import StreamResults
from tests.stages.sink.conftest import make_header, make_start, make_tracks


@pytest.mark.parametrize("pixel_format", PixelFormat)
def test_a_snapshot_is_scaled_down_and_shows_the_tracks(tmp_path, pixel_format):
    size = {"height": 720, "width": 1280}
    results = StreamResults(tmp_path / "cam", SinkOptions(overlay=False))
    results.start(make_start(**size))
    reports = list[Snapshot]()
    snapshots = Snapshots(results, reports.append)
    header = make_header(0, **size, pixel_format=pixel_format)
    pixels = np.full(header.shape, 128, np.uint8)
    for boxes in ([], [[400, 200, 800, 600]]):
        tracks = make_tracks(header, boxes, range(1, len(boxes) + 1))
        snapshots._due = 0.0
        snapshots.update(tracks, pixels)
        snapshots.update(tracks, pixels)  # too soon
    assert [(each.stream, each.frame_size) for each in reports] == [("cam", (1280, 720))] * 2
    before, after = (cv2.imdecode(np.frombuffer(each.jpeg, np.uint8), 1) for each in reports)
    assert before.shape == after.shape == (360, 640, 3)
    changed = np.abs(before.astype(int) - after).max(axis=2) > 40
    assert changed[120:280, 200].mean() > 0.9  # the box's left edge
    assert not changed[:, :180].any()
    assert (pixels == 128).all()


def test_the_frame_number_shown_is_that_of_the_results(tmp_path):
    """After dropped frames, the source's numbers are ahead."""
    results = StreamResults(tmp_path / "cam", SinkOptions(overlay=False))
    results.start(make_start())
    reports = list[Snapshot]()
    snapshots = Snapshots(results, reports.append)
    for sequence in (0, 7):
        header = make_header(0, sequence=sequence)
        snapshots._due = 0.0
        snapshots.update(make_tracks(header), np.full(header.shape, 128, np.uint8))
    assert reports[0].jpeg == reports[1].jpeg


@pytest.mark.parametrize("live", [False, True])
def test_only_the_snapshot_of_a_live_frame_shows_its_capture_time(tmp_path, live):
    results = StreamResults(tmp_path / "cam", SinkOptions(overlay=False))
    results.start(make_start(live=live, width=320))
    reports = list[Snapshot]()
    snapshots = Snapshots(results, reports.append)
    for captured_ns in (1_777_888_800_000_000_000, 1_777_888_801_234_000_000):
        header = make_header(0, captured_ns=captured_ns, width=320)
        snapshots._due = 0.0
        snapshots.update(make_tracks(header), np.full(header.shape, 128, np.uint8))
    assert (reports[0].jpeg != reports[1].jpeg) is live


def test_small_frames_are_not_scaled(tmp_path):
    results = StreamResults(tmp_path / "cam", SinkOptions(overlay=False, overlay_height=1080))
    results.start(make_start())
    reports = list[Snapshot]()
    header = make_header(0)
    pixels = np.full(header.shape, 128, np.uint8)
    Snapshots(results, reports.append).update(make_tracks(header), pixels)
    picture = cv2.imdecode(np.frombuffer(reports[0].jpeg, np.uint8), 1)
    assert picture.shape == (header.height, header.width, 3)


@pytest.mark.parametrize("color_space", [0, 1, 2, 5, 7, 9])
def test_colors_and_shape_are_those_of_the_video(tmp_path, color_space):
    results = StreamResults(tmp_path / "cam", SinkOptions(overlay=False))
    results.start(make_start(color_space=color_space, pixel_aspect=Fraction(4, 3)))
    reports = list[Snapshot]()
    header = make_header(0, pixel_format=yuv_format(color_space))
    y, u, v = np.linalg.inv(yuv_matrix(header.pixel_format)) @ (np.array([20, 200, 20]) / 255)
    pixels = np.full(header.shape, round(16 + 219 * y), np.uint8)
    chroma = pixels[header.height :].reshape(2, -1)
    chroma[0], chroma[1] = round(128 + 224 * u), round(128 + 224 * v)
    Snapshots(results, reports.append).update(make_tracks(header), pixels)
    picture = cv2.imdecode(np.frombuffer(reports[0].jpeg, np.uint8), 1)
    assert picture.shape == (96, 171, 3)
    np.testing.assert_allclose(picture[20, 60], (20, 200, 20), atol=4)


@pytest.mark.parametrize(("aspect", "width"), [(Fraction(1, 4000), 32), (Fraction(4000), 512)])
def test_an_absurd_pixel_aspect_gives_a_snapshot_of_bounded_width(tmp_path, aspect, width):
    results = StreamResults(tmp_path / "cam", SinkOptions(overlay=False))
    results.start(make_start(pixel_aspect=aspect))
    reports = list[Snapshot]()
    header = make_header(0)
    pixels = np.full(header.shape, 128, np.uint8)
    Snapshots(results, reports.append).update(make_tracks(header), pixels)
    assert cv2.imdecode(np.frombuffer(reports[0].jpeg, np.uint8), 1).shape == (96, width, 3)


@pytest.mark.parametrize(("width", "reported"), [(640, 1), (16_000, 0)])
def test_a_snapshot_too_large_for_a_report_is_left_out(tmp_path, width, reported):
    size = {"height": 360, "width": width}
    results = StreamResults(tmp_path / "cam", SinkOptions(overlay=False))
    results.start(make_start(**size))
    reports = list[Snapshot]()
    header = make_header(0, **size)
    noise = np.random.default_rng(0).integers(16, 235, header.shape, np.uint8)
    Snapshots(results, reports.append).update(make_tracks(header), noise)
    assert len(reports) == reported
