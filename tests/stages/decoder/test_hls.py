"""A live playlist, of a camera whose encoder pauses."""

import functools
import http.server
import itertools
import statistics
import time
from pathlib import Path

import pytest

from stages.records import Frame
from tests.stages.decoder.streams import read, write_stream

BUFFERED, BEFORE = 3, 5  # segments at the start, and before the pause; then one a second
PAUSE = 5  # seconds
SEGMENT = 30  # frames, 1.2 s


class Growing(http.server.SimpleHTTPRequestHandler):
    """Serves the segments that there are by now, and the playlist of these."""

    began: float

    def do_GET(self):
        if self.path.endswith(".m3u8"):
            passed = time.monotonic() - self.began
            segments = BUFFERED + int(passed)
            if segments > BEFORE:
                segments = max(BEFORE, segments - PAUSE)
            path = Path(self.translate_path(self.path))
            head, *entries = path.read_text().split("#EXTINF")
            text = "#EXTINF".join([head, *entries[:segments]])
            self.send_response(200)
            self.end_headers()
            self.wfile.write(text.encode())
        else:
            super().do_GET()

    def log_message(self, *args):
        pass


@pytest.fixture
def playlist(tmp_path, serve_http):
    write_stream(
        tmp_path / "live.m3u8",
        10 * SEGMENT,
        "hls",
        size=(64, 48),
        hls_time="1",
        hls_list_size="0",
        hls_flags="omit_endlist",
    )
    Growing.began = time.monotonic()
    handler = functools.partial(Growing, directory=str(tmp_path))
    return f"{serve_http(handler)}/live.m3u8"


def test_a_pause_of_the_encoder_does_not_make_all_later_frames_come_in_bursts(playlist, slots):
    records = read(playlist, slots, (BEFORE + 3) * SEGMENT)
    arrived = [r.header.captured_ns / 1e9 for r in records if isinstance(r, Frame)]
    intervals = [b - a for a, b in itertools.pairwise(arrived[BEFORE * SEGMENT :])]
    assert statistics.median(intervals) > 0.02  # s; 0.04 in the video, 0 in bursts
