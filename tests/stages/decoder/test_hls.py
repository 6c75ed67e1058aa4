"""HLS playlists, mainly of cameras whose encoder pauses or ends."""

import functools
import itertools
import queue
import statistics
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from stages.records import EndOfStream, EndReason, Frame
from tests.stages.decoder.streams import OPTIONS, Files, read, write_stream

BUFFERED, BEFORE = 3, 5  # segments at the start and before the pause; one a second
PAUSE = 5  # seconds
SEGMENT = 30  # frames, 1.2 s


class Live(Files):
    """Serves the segments, and a playlist of those listed so far."""

    began: float

    def do_GET(self):  # noqa: N802
        if not self.path.endswith(".m3u8"):
            super().do_GET()
            return
        head, *entries = Path(self.translate_path(self.path)).read_text().split("#EXTINF")
        entries = [f"#EXTINF{entry}" for entry in entries]
        self.send_response(200)
        self.end_headers()
        listed = self.listed(entries, time.monotonic() - self.began)
        self.wfile.write("".join([head, *listed]).encode())


class Ending(Live):
    """Has a playlist that ends after the first second."""

    def listed(self, entries, seconds):
        return [*entries, "#EXT-X-ENDLIST\n"] if seconds > 1 else entries[:BUFFERED]


class Growing(Live):
    """Has a playlist that grows, with one pause."""

    def listed(self, entries, seconds):
        segments = BUFFERED + int(seconds)
        if segments > BEFORE:
            segments = max(BEFORE, segments - PAUSE)
        return entries[:segments]


class Stalling(Files):
    """Keeps connections open; stops in the middle of a segment and reads what the client sends."""

    protocol_version = "HTTP/1.1"
    received: queue.SimpleQueue[bytes]

    def do_GET(self):  # noqa: N802
        if not self.path.endswith("1.ts"):
            super().do_GET()
            return
        data = Path(self.translate_path(self.path)).read_bytes()
        self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data[: len(data) // 2])
        self.received.put(self.rfile.read(1))
        self.close_connection = True


class Vanishing(Files):
    """Serves a playlist twice, then an error."""

    status: int
    loads: Iterator[int]

    def do_GET(self):  # noqa: N802
        if self.path.endswith(".m3u8") and next(self.loads) >= 2:
            self.send_error(self.status)
        else:
            super().do_GET()


def serve_playlist(handler, segments, folder, serve_http):
    write_stream(
        folder / "live.m3u8",
        segments * SEGMENT,
        "hls",
        size=(64, 48),
        hls_time="1",
        hls_list_size="0",
        hls_flags="omit_endlist",
    )
    handler.began = time.monotonic()
    served = functools.partial(handler, directory=str(folder))
    return f"{serve_http(served)}/live.m3u8"


def test_a_playlist_that_ends_while_it_is_read_is_read_once(tmp_path, serve_http, slots):
    playlist = serve_playlist(Ending, BUFFERED + 1, tmp_path, serve_http)
    *records, end = read(playlist, slots, 10 * SEGMENT)
    assert sum(isinstance(record, Frame) for record in records) == (BUFFERED + 1) * SEGMENT
    assert isinstance(end, EndOfStream)
    assert (end.reason, end.message) == (EndReason.COMPLETE, "")


@pytest.mark.parametrize(
    ("status", "status_text"),
    [
        (403, "403 Forbidden (access denied)"),
        (404, "404 Not Found"),
        (503, "5XX Server Error reply"),
    ],
)
def test_the_reason_why_a_playlist_no_longer_loads_is_reported(
    tmp_path, serve_http, slots, status, status_text
):
    Vanishing.status, Vanishing.loads = status, itertools.count()
    playlist = serve_playlist(Vanishing, 2, tmp_path, serve_http)
    *_, end = read(playlist, slots, 100, replace(OPTIONS, reconnect=False))
    assert end.message == f"cannot open {playlist} as a video: Server returned {status_text}"


def test_frames_do_not_arrive_in_bursts_after_an_encoder_pause(tmp_path, serve_http, slots):
    playlist = serve_playlist(Growing, 10, tmp_path, serve_http)
    records = read(playlist, slots, (BEFORE + 3) * SEGMENT)
    arrived = [r.header.captured_ns / 1e9 for r in records if isinstance(r, Frame)]
    intervals = [b - a for a, b in itertools.pairwise(arrived[BEFORE * SEGMENT :])]
    assert statistics.median(intervals) > 0.02  # s; 0.04 in the video, 0 in bursts


def test_the_connection_of_a_stalled_segment_is_not_reused(tmp_path, serve_http, slots):
    write_stream(tmp_path / "vod.m3u8", 100, "hls", size=(64, 48), hls_time="1", hls_list_size="0")
    Stalling.received = queue.SimpleQueue()
    base = serve_http(functools.partial(Stalling, directory=str(tmp_path)))
    read(f"{base}/vod.m3u8", slots, 61, replace(OPTIONS, timeout=1.0))
    assert Stalling.received.get(timeout=60) == b""  # it was closed


def test_stream_ids_may_change_at_a_discontinuity(tmp_path, serve_http, slots):
    for name, pid in (("a", "256"), ("b", "512")):
        write_stream(tmp_path / f"{name}.ts", 25, mpegts_start_pid=pid)
    lines = ["#EXTM3U", "#EXT-X-TARGETDURATION:1", "#EXTINF:1,", "a.ts", "#EXT-X-DISCONTINUITY"]
    playlist = "\n".join([*lines, "#EXTINF:1,", "b.ts", "#EXT-X-ENDLIST", ""])
    (tmp_path / "vod.m3u8").write_text(playlist)
    base = serve_http(functools.partial(Files, directory=str(tmp_path)))
    records = read(f"{base}/vod.m3u8", slots, 100)
    assert sum(isinstance(record, Frame) for record in records) >= 49
