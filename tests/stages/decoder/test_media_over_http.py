"""Videos on a web server that is silent, trickles data or does not support seeking."""

import contextlib
import functools
import http.server
import re
import socket
import threading
import time

import pytest

from stages.errors import SourceError
from stages.records import EndOfStream, EndReason
from tests.stages.decoder.streams import read_media


class SilentServer:
    """A web server that sends ``content``, then nothing or ``drop`` again and again."""

    def __init__(self, content, drop):
        self._content = content
        self._drop = drop
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._clients = []
        threading.Thread(target=self._serve, daemon=True).start()

    def url(self, name):
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}/{name}"

    def _serve(self):
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                self._clients.append(client)
                client.sendall(self._content)
                if self._drop:
                    threading.Thread(target=self._drip, args=(client,), daemon=True).start()

    def _drip(self, client):
        with contextlib.suppress(OSError):
            while True:
                client.sendall(self._drop)
                time.sleep(0.05)

    def close(self):
        self._listener.close()
        for client in self._clients:
            client.close()


@pytest.fixture
def silent_server():
    servers = []

    def make(content=b"", drop=b""):
        servers.append(SilentServer(content, drop))
        return servers[-1]

    yield make
    for server in servers:
        server.close()


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n"])
def test_a_silent_web_server_is_reported_in_time(silent_server, slots, answer):
    url = silent_server(answer).url("clip.mp4")
    started = time.monotonic()
    with pytest.raises(
        SourceError, match=f"^cannot open {url} as a video: nothing arrived for 0.5 s$"
    ):
        read_media(url, slots, timeout=0.5)
    assert time.monotonic() - started < 60


@pytest.mark.parametrize(
    ("answer", "drop"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n", b"G"),
        (b"HTTP/1.1 200 OK\r\n", b"X-Header: again\r\n"),
    ],
)
@pytest.mark.parametrize("suffix", ["mp4", "ts"])
def test_a_web_server_that_trickles_data_times_out(silent_server, slots, answer, drop, suffix):
    url = silent_server(answer, drop).url(f"clip.{suffix}")
    with pytest.raises(
        SourceError, match=f"^cannot open {url} as a video: no video arrived for 0.6 s$"
    ):
        read_media(url, slots, timeout=0.2)


@pytest.mark.parametrize(
    ("drop", "reason"), [(b"", "nothing arrived for 1 s"), (b"G", "no video arrived for 3 s")]
)
@pytest.mark.parametrize(("suffix", "after"), [("mp4", r" after \d+ of 300 frames"), ("ts", "")])
def test_a_web_server_that_stalls_or_trickles_truncates_the_video(
    make_video, silent_server, slots, tmp_path, suffix, after, drop, reason
):
    data = make_video(f"clip.{suffix}", frames=300, noise=True).read_bytes()
    head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(data)}\r\n\r\n".encode()
    received = data[: len(data) * 2 // 3]
    (tmp_path / f"part.{suffix}").write_bytes(received)
    whole = read_media(tmp_path / f"part.{suffix}", slots)[-1].frames
    url = silent_server(head + received, drop).url(f"clip.{suffix}")
    *_, end = read_media(url, slots, timeout=1.0)
    assert 150 < end.frames == whole < 250  # including those that the decoder holds back
    assert end.reason is EndReason.TRUNCATED
    assert re.fullmatch(rf"{url} breaks off{after}: {reason}", end.message)


@pytest.mark.parametrize("movflags", ["faststart", "disable_chpl"])
def test_an_index_at_the_end_without_seeking_is_reported(
    make_video, serve_http, slots, tmp_path, movflags
):
    make_video("clip.mp4", frames=300, noise=True, movflags=movflags)
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(tmp_path))
    url = f"{serve_http(handler)}/clip.mp4"
    if movflags == "faststart":
        assert read_media(url, slots)[-1] == EndOfStream("cam", 0, 300, EndReason.COMPLETE)
        return
    with pytest.raises(
        SourceError, match="does not support seeking, which a file with its index at the end needs"
    ):
        read_media(url, slots)
