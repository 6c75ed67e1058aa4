"""Finished videos behind URLs that could be those of cameras."""

import functools
from dataclasses import replace
from pathlib import Path

import pytest

from stages.decoder.live import LiveSource
from stages.decoder.source import ResumePoint
from stages.records import EndOfStream, EndReason, Frame
from tests.stages.decoder.streams import OPTIONS, Chunks, Files, numbers, read, write_stream


@pytest.mark.parametrize(("name", "container"), [("vod.m3u8", "hls"), ("clip", "mpegts")])
def test_a_finished_video_ends_the_stream(tmp_path, serve_http, slots, name, container):
    write_stream(tmp_path / name, 20, container)
    base = serve_http(functools.partial(Files, directory=str(tmp_path)))
    records = read(f"{base}/{name}", slots, 21)
    assert records[-1] == EndOfStream("cam", 0, 20, EndReason.COMPLETE)


@pytest.mark.parametrize(("options", "ends"), [({}, True), ({"live": "1"}, False)])
def test_matroska_of_unknown_size_ends_if_its_header_has_a_duration(
    tmp_path, serve_http, slots, options, ends
):
    write_stream(tmp_path / "clip", 10, "matroska", **options)
    base = serve_http(functools.partial(Chunks, directory=str(tmp_path)))
    records = read(f"{base}/clip", slots, 11)
    assert isinstance(records[-1], EndOfStream) is ends
    assert sum(isinstance(r, Frame) for r in records) == (10 if ends else 11)


@pytest.mark.parametrize(
    ("movflags", "ends"),
    [("faststart", True), ("frag_keyframe", False), ("frag_keyframe+empty_moov", False)],
)
def test_an_mp4_of_unknown_size_ends_unless_it_is_fragmented(
    tmp_path, serve_http, slots, movflags, ends
):
    write_stream(tmp_path / "clip", 30, "mp4", movflags=movflags)
    base = serve_http(functools.partial(Chunks, directory=str(tmp_path)))
    records = read(f"{base}/clip", slots, 31)
    frames = [r.header.epoch for r in records if isinstance(r, Frame)]
    if ends:
        assert records[-1] == EndOfStream("cam", 0, 30, EndReason.COMPLETE)
    else:
        assert frames == [0] * 30 + [1]


class CutOff(Chunks):
    """Sends two thirds of a file."""

    def do_GET(self):  # noqa: N802
        path = Path(self.translate_path(self.path))
        data = path.read_bytes()
        path.write_bytes(data[: len(data) * 2 // 3])
        super().do_GET()


def test_a_truncated_mp4_of_unknown_size_reports_where_it_breaks_off(tmp_path, serve_http, slots):
    write_stream(tmp_path / "clip", 30, "mp4", movflags="faststart")
    base = serve_http(functools.partial(CutOff, directory=str(tmp_path)))
    *_, end = read(f"{base}/clip", slots, 31)
    assert (end.reason, end.frames) == (EndReason.TRUNCATED, 19)
    assert end.message == f"{base}/clip breaks off after 19 of 30 frames"


class BreaksOff(Files):
    """Sends two thirds of a file of known size, each time."""

    def do_GET(self):  # noqa: N802
        data = Path(self.translate_path(self.path)).read_bytes()
        self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data[: len(data) * 2 // 3])


@pytest.mark.parametrize("container", ["mp4", "matroska", "mpegts"])
def test_a_truncated_video_is_not_played_again(tmp_path, serve_http, slots, container):
    options = {"movflags": "faststart"} if container == "mp4" else {}
    write_stream(tmp_path / "clip", 60, container, **options)
    base = serve_http(functools.partial(BreaksOff, directory=str(tmp_path)))
    *frames, end = read(f"{base}/clip", slots, 100)
    assert isinstance(end, EndOfStream)
    assert (end.epoch, end.frames) == (0, len(numbers(frames)))
    assert 20 < end.frames < 60
    assert numbers(frames) == list(range(end.frames))
    if container == "mp4":
        assert end.reason is EndReason.TRUNCATED


def test_a_video_is_not_played_again_after_a_decoder_crash(tmp_path, serve_http, slots):
    write_stream(tmp_path / "clip", 60, "mp4", movflags="faststart")
    base = serve_http(functools.partial(Files, directory=str(tmp_path)))
    source = LiveSource(
        f"{base}/clip", name="cam", options=OPTIONS, resume_from=ResumePoint(1, 20, 20)
    )
    [end] = source.records(slots)
    assert (end.reason, end.frames) == (EndReason.TRUNCATED, 20)
    assert end.message == f"{base}/clip is a video that cannot be resumed in the middle"


def test_a_video_mistaken_for_a_camera_gets_advice_to_read_it_once(tmp_path, serve_http, slots):
    write_stream(tmp_path / "clip", 150, size=(64, 48))
    base, notices = serve_http(functools.partial(Chunks, directory=str(tmp_path))), []
    read(f"{base}/clip", slots, 310, notify=notices.append)
    advice = [line for line in notices if "arrives faster than real time" in line]
    assert len(advice) == 1
    assert "--set decoder.reconnect=false --set runtime.mode=lossless" in advice[0]
    notices.clear()
    once = replace(OPTIONS, reconnect=False)
    *frames, end = read(f"{base}/clip", slots, 151, once, notify=notices.append)
    assert numbers(frames) == list(range(150))
    assert (end.reason, notices) == (EndReason.COMPLETE, [])
