from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from stages.records import PixelFormat
from stages.sink.colors import track_color
from stages.sink.earlier_picture import EarlierPicture
from stages.sink.options import SinkOptions
from stages.sink.overlay import OverlayWriter
from tests.stages.sink.conftest import (
    HEIGHT,
    STEP,
    TIME_BASE,
    WIDTH,
    gray,
    make_header,
    make_start,
    make_tracks,
    names_in,
)
from tests.stages.sink.stream import write_overlay
from tests.waiting import wait_for

VIDEO = Path(__file__).parents[4] / "shared" / "data" / "video" / "intersection_detrac.mp4"


OPTIONS = SinkOptions()
FINE = SinkOptions(overlay_crf=4)


def decoded(path: Path) -> list[av.VideoFrame]:
    with av.open(str(path)) as container:
        return list(container.decode(video=0))


def times(path: Path) -> tuple[list[Fraction], Fraction]:
    """Times of all decoded frames, and the stream's duration, in seconds."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        assert stream.time_base is not None
        assert stream.duration is not None
        frames = [frame.pts * stream.time_base for frame in container.decode(stream)]
        return frames, stream.duration * stream.time_base


def test_every_frame_keeps_its_time(tmp_path: Path) -> None:
    pts = [index * STEP for index in range(40)]
    path = write_overlay(tmp_path / "overlay.mp4", make_start(), pts)
    shown, duration = times(path)
    assert shown == [time * TIME_BASE for time in pts]
    assert duration == 40 * STEP * TIME_BASE
    assert names_in(tmp_path) == {"overlay.mp4"}


@pytest.mark.parametrize(
    "time_base",
    [Fraction(1, 90_000), Fraction(1001, 30_000), Fraction(1, 25), Fraction(1, 1_000_000)],
)
def test_variable_frame_rate_keeps_its_times(tmp_path: Path, time_base: Fraction) -> None:
    rng = np.random.default_rng(3)
    steps = rng.integers(1, 9, 30)
    pts = [500, *(500 + np.cumsum(steps)).tolist()]
    start = make_start(time_base=time_base, frame_rate=Fraction(113125, 4711))
    shown, duration = times(write_overlay(tmp_path / "overlay.mp4", start, pts))
    assert shown == [(time - 500) * time_base for time in pts]
    last = duration - shown[-1]
    assert abs(last - int(np.median(steps)) * time_base) <= time_base


def test_single_frame_lasts_one_frame_period(tmp_path: Path) -> None:
    shown, duration = times(write_overlay(tmp_path / "overlay.mp4", make_start(), [0]))
    assert (shown, duration) == ([0], Fraction(1, 25))


def test_video_is_playable_in_browsers(tmp_path: Path) -> None:
    path = write_overlay(tmp_path / "overlay.mp4", make_start(color_space=5), [0, STEP, 2 * STEP])
    data = path.read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")  # playable before it is fully loaded
    assert b"avc1" in data
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        context = stream.codec_context
        assert (context.name, context.pix_fmt) == ("h264", "yuv420p")
        assert (context.colorspace, context.color_range) == (5, 1)


def test_video_has_no_reordered_frames(tmp_path: Path) -> None:
    pts = [index * STEP for index in range(12)]
    path = write_overlay(tmp_path / "overlay.mp4", make_start(), pts)
    with av.open(str(path)) as container:
        assert not container.streams.video[0].codec_context.has_b_frames
        packets = [packet for packet in container.demux(video=0) if packet.size]
    assert [packet.dts for packet in packets] == [packet.pts for packet in packets] == pts


def test_rgb_color_space_is_written_as_unspecified(tmp_path: Path) -> None:
    path = write_overlay(tmp_path / "overlay.mp4", make_start(color_space=0), [0])
    with av.open(str(path)) as container:
        assert container.streams.video[0].codec_context.colorspace == 2


def test_pixel_aspect_ratio_of_the_source_is_kept(tmp_path: Path) -> None:
    path = write_overlay(tmp_path / "overlay.mp4", make_start(pixel_aspect=Fraction(2)), [0, STEP])
    with av.open(str(path)) as container:
        assert container.streams.video[0].sample_aspect_ratio == 2


@pytest.mark.parametrize("size", [(96, 128), (108, 130)])
def test_only_the_box_its_label_and_the_frame_stamp_are_drawn(
    tmp_path: Path, size: tuple[int, int]
) -> None:
    height, width = size
    start = make_start(height=height, width=width)
    writer = OverlayWriter(tmp_path / "overlay.mp4", start, FINE)
    header = make_header(0, height=height, width=width)
    pixels = gray(header)
    before = pixels.copy()
    pixels.setflags(write=False)
    writer.write(make_tracks(header, [[21, 31, 59.5, 69]], [3]), pixels, header.number)
    writer.commit()
    np.testing.assert_array_equal(pixels, before)
    (frame,) = decoded(writer.path)
    planes = frame.to_ndarray().reshape(-1)
    luma = height * width
    y = planes[:luma].reshape(height, width).astype(int)
    u, v = planes[luma:].reshape(2, height // 2, width // 2).astype(int)
    color = track_color(3, header.pixel_format)
    edge = np.zeros((height, width), bool)
    edge[30:70, 20:60] = True
    edge[32:68, 22:58] = False
    assert np.abs(y[edge] - color.y).max() < 12
    chroma = edge[::2, ::2]
    assert np.abs(u[chroma] - color.u).max() < 12
    assert np.abs(v[chroma] - color.v).max() < 12
    far = np.ones((height, width), bool)
    far[12:32] = False  # the label above the box, as wide as the font of this OpenCV
    far[28:74, 16:64] = False  # the box
    far[height - 18 :] = False  # frame number and time
    assert np.abs(y[far] - 90).max() <= 3
    assert np.abs(y[36:64, 26:54] - 90).max() <= 3


def test_pixels_may_be_reused_once_they_are_kept(tmp_path: Path) -> None:
    writer = OverlayWriter(tmp_path / "overlay.mp4", make_start(), FINE)
    slot = np.empty((HEIGHT * 3 // 2, WIDTH), np.uint8)
    for index in range(20):
        header = make_header(index)
        slot[:] = gray(header, 40 + 8 * index)
        writer.write(make_tracks(header), slot, header.number)
        wait_for(lambda index=index: writer.kept > index)
        slot[:] = 255
    writer.commit()
    lumas = [frame.to_ndarray()[:40].mean() for frame in decoded(writer.path)]
    np.testing.assert_allclose(lumas, 40 + 8 * np.arange(20), atol=3)


@pytest.mark.parametrize(("height", "width"), [(95, 127), (96, 128)])
@pytest.mark.parametrize("killed", [False, True])
def test_bgr_frames_of_any_size(tmp_path: Path, height: int, width: int, *, killed: bool) -> None:
    start = make_start(
        height=height, width=width, color_space=1
    )  # of the source, before its conversion to BGR
    writer = OverlayWriter(tmp_path / "overlay.mp4", start, FINE)
    header = make_header(0, height=height, width=width, pixel_format=PixelFormat.BGR24)
    pixels = np.full(header.shape, (200, 60, 30), np.uint8)
    tracks = make_tracks(header, [[20, 30, 60, 70]], [7])
    writer.write(tracks, pixels, header.number)
    if killed:
        assert writer.wait_until_kept(30)
        writer = OverlayWriter(tmp_path / "overlay.mp4", start, FINE)
        assert writer.repeat(tracks, EarlierPicture.COMES_AGAIN)
    writer.commit()
    (frame,) = decoded(writer.path)
    assert (frame.height, frame.width) == (96, 128)
    assert frame.colorspace == 6
    shown = frame.to_ndarray(format="bgr24")[34:70, 64:]  # below the label
    assert np.abs(shown.astype(int) - (200, 60, 30)).max() < 8
    assert abs(int(frame.to_ndarray()[50, 21]) - track_color(7, header.pixel_format).y) < 6


@pytest.mark.parametrize("pixel_format", PixelFormat)
def test_large_frames_are_scaled_down_to_the_limit(
    tmp_path: Path, pixel_format: PixelFormat
) -> None:
    size = {"height": 4 * HEIGHT, "width": 4 * WIDTH}
    options = SinkOptions(overlay_crf=4, overlay_height=HEIGHT)
    writer = OverlayWriter(tmp_path / "overlay.mp4", make_start(**size), options)
    header = make_header(0, **size, pixel_format=pixel_format)
    tracks = make_tracks(header, [[80, 120, 240, 280]], [3])
    writer.write(tracks, np.full(header.shape, 128, np.uint8), header.number)
    writer.commit()
    (frame,) = decoded(writer.path)
    assert (frame.height, frame.width) == (HEIGHT, WIDTH)
    luma = frame.to_ndarray()[:HEIGHT].astype(int)
    assert np.abs(luma[32:68, 20:22] - track_color(3, pixel_format).y).max() < 12
    assert np.ptp(luma[34:66, 24:56]) <= 3


@pytest.mark.parametrize(
    ("preset", "profile"), [("ultrafast", "Constrained Baseline"), ("superfast", "High")]
)
def test_the_preset_reaches_x264(tmp_path: Path, preset: str, profile: str) -> None:
    options = SinkOptions(overlay_preset=preset)
    path = write_overlay(tmp_path / "overlay.mp4", make_start(), [0, STEP], options)
    with av.open(str(path)) as container:
        assert container.streams.video[0].codec_context.profile == profile


@pytest.mark.parametrize("live", [False, True])
@pytest.mark.parametrize("saved", [None, False, True])
def test_the_video_of_a_live_stream_states_when_its_first_frame_was_captured(
    tmp_path: Path, live: bool, saved: bool | None
) -> None:
    """``saved``: whether a killed process had saved its state, None if it was not killed."""
    path, start = tmp_path / "overlay.mp4", make_start(live=live)
    began_ns = 1_777_888_800_120_000_000
    headers = [make_header(n, captured_ns=began_ns + n * 10**9) for n in range(4)]
    writer = OverlayWriter(path, start, OPTIONS)
    for header in headers:
        writer.write(make_tracks(header), gray(header), header.number)
    if saved is not None:
        assert writer.wait_until_kept(30)
        writer = OverlayWriter(path, start, OPTIONS, resume=writer.state() if saved else None)
        if not saved:
            for header in headers:
                assert writer.repeat(make_tracks(header), EarlierPicture.KEPT)
    writer.commit()
    with av.open(str(path)) as container:
        stated = container.metadata.get("creation_time")
    assert stated == ("2026-05-04T10:00:00.000000Z" if live else None)


def test_only_live_frames_show_their_capture_time(tmp_path: Path) -> None:
    """It is longer than the position in a recorded video."""
    widths = []
    for live in (False, True):
        writer = OverlayWriter(tmp_path / "overlay.mp4", make_start(live=live, width=320), FINE)
        header = make_header(0, width=320)
        writer.write(make_tracks(header), gray(header), header.number)
        writer.commit()
        (frame,) = decoded(writer.path)
        row = frame.to_ndarray()[HEIGHT - 8, :320].astype(int)
        widths.append(np.flatnonzero(abs(row - row[-1]) > 60)[-1])
    assert 1.6 < widths[1] / widths[0] < 2.2


def test_wrong_frame_size_is_rejected(tmp_path: Path) -> None:
    writer = OverlayWriter(tmp_path / "overlay.mp4", make_start(), OPTIONS)
    header = make_header(0, height=64, width=64)
    with pytest.raises(ValueError, match="64x64"):
        writer.write(make_tracks(header), gray(header), header.number)


@pytest.mark.skipif(not VIDEO.exists(), reason="needs ../shared/data")
def test_real_video_keeps_frames_and_duration(tmp_path: Path) -> None:
    with av.open(str(VIDEO)) as container:
        stream = container.streams.video[0]
        assert stream.time_base is not None
        assert stream.average_rate is not None
        start = make_start(
            height=540,
            width=960,
            time_base=stream.time_base,
            frame_rate=stream.average_rate,
            color_space=int(stream.codec_context.colorspace),
        )
        writer = OverlayWriter(tmp_path / "overlay.mp4", start, OPTIONS)
        source = []
        for index, frame in enumerate(container.decode(stream)):
            if index == 30:
                break
            header = make_header(
                index, pts=frame.pts, time_base=frame.time_base, height=540, width=960
            )
            source.append((frame.pts * frame.time_base, frame.to_ndarray()))
            writer.write(
                make_tracks(header, [[400, 300, 500, 380]], [1]),
                source[-1][1],
                header.number,
            )
        writer.commit()
    shown, duration = times(writer.path)
    assert shown == [time for time, _ in source]
    assert duration == len(source) / start.frame_rate
    first = decoded(writer.path)[0].to_ndarray()
    difference = first[:500, :390].astype(int) - source[0][1][:500, :390]
    assert np.abs(difference).mean() < 3
