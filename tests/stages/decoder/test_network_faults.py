"""Servers that are not there, say nothing or close; files on the disk keep FFmpeg's words."""

import contextlib
import itertools
import os
import socket
import struct
import threading
import time

import av
import pytest

from stages.decoder import network_faults
from stages.decoder.live import LiveSource
from stages.decoder.live_options import LiveOptions
from stages.decoder.network_faults import name_fault, opening_fault, reading_fault
from stages.errors import SourceError
from stages.records import EndOfStream, Frame
from tests.stages.decoder import rtsp
from tests.stages.decoder.streams import DATAGRAM, write_stream
from tools.harness.ports import free_port

HTTP = b"HTTP/1.1 200 OK\r\nContent-Type: video/mp2t\r\n\r\n"
REFUSED = b"HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: %b\r\nContent-Length: 0\r\n\r\n"


@contextlib.contextmanager
def server(answer=None):
    """Gives its port; sends each client the answer and closes, or says nothing at all."""
    held = []

    def serve():
        with contextlib.suppress(OSError):
            while True:
                held.append(listener.accept()[0])
                if answer is not None:
                    held[-1].recv(4096)
                    held[-1].sendall(answer)
                    held[-1].close()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=serve, daemon=True).start()
        yield listener.getsockname()[1]
    for client in held:
        client.close()


def fault(url, slots):
    """Why the first connection fails, in words for the user."""
    options = LiveOptions(timeout=0.6, connect_seconds=0)
    with pytest.raises(SourceError) as error:
        next(LiveSource(url, name="cam", options=options).records(slots))
    opening, _, reason = str(error.value).partition(" as a video: ")
    assert opening == f"cannot open {url}"
    return reason.removesuffix("; gave up after 0 s")


@pytest.mark.parametrize("scheme", ["rtsp", "http", "rtmp", "udp"])
@pytest.mark.parametrize("host", ["camera.invalid", "a" * 64])
def test_a_host_that_does_not_exist_is_told(slots, monkeypatch, scheme, host):
    def look_up(*_):  # as where there is a name server
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    if "." in host:
        monkeypatch.setattr(socket, "getaddrinfo", look_up)
    assert fault(f"{scheme}://{host}:5554/live", slots) == "no such host"


@pytest.mark.parametrize("scheme", ["rtsp", "http", "tcp"])
def test_a_server_that_says_nothing_is_told(slots, scheme):
    with server() as port:
        assert fault(f"{scheme}://127.0.0.1:{port}/live", slots) == "nothing arrived for 0.6 s"


def test_a_camera_that_does_not_answer_when_asked_to_play_is_told(slots):
    with rtsp.serve(lambda camera: None, answers={"PLAY": None}) as url:
        assert fault(url, slots) == "nothing arrived for 0.6 s"


def test_a_udp_camera_that_sends_nothing_is_told(slots):
    port = free_port(socket.SOCK_DGRAM)
    assert fault(f"udp://127.0.0.1:{port}", slots) == "nothing arrived for 0.6 s"


@pytest.mark.parametrize(
    ("scheme", "answer", "told"),
    [
        ("rtmp", b"", ""),
        ("http", b"", ""),
        ("http", HTTP, ""),
        ("rtsp", b"", " or gave no valid answer"),
        ("https", b"no encryption\r\n", " or does not encrypt it"),
    ],
)
def test_a_server_that_closes_is_told(slots, scheme, answer, told):
    with server(answer) as port:
        reason = fault(f"{scheme}://127.0.0.1:{port}/live", slots)
    assert reason == f"the server closed the connection{told}"


@pytest.mark.parametrize("scheme", ["http", "udp"])
def test_a_camera_that_ran_is_told_to_have_closed_or_fallen_silent(tmp_path, slots, scheme):
    write_stream(tmp_path / "camera.ts", 50, reordered=2)
    data = (tmp_path / "camera.ts").read_bytes()
    options = LiveOptions(timeout=3, reconnect=False)

    def send():
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            for start in range(0, len(data), DATAGRAM):
                sender.sendto(data[start : start + DATAGRAM], ("127.0.0.1", port))
                time.sleep(0.001)

    with server(HTTP + data) as port:
        if scheme == "udp":
            threading.Timer(0.3, send).start()
        url = f"{scheme}://127.0.0.1:{port}"
        *records, end = LiveSource(url, name="cam", options=options).records(slots)
    assert isinstance(end, EndOfStream)
    assert sum(isinstance(each, Frame) for each in records) == 50  # those held back included
    reason = "nothing arrived for 3 s" if scheme == "udp" else "the server closed the connection"
    assert end.message == f"the connection broke off: {reason}"


def test_an_rtp_camera_that_falls_silent_is_noticed_when_it_is_told(tmp_path, slots):
    write_stream(tmp_path / "camera.ts", 50)
    data = (tmp_path / "camera.ts").read_bytes()
    starts = itertools.cycle(range(0, len(data), DATAGRAM))
    port, over = free_port(socket.SOCK_DGRAM), threading.Event()

    def send():
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            for number, start in enumerate(starts):
                header = struct.pack(">BBHII", 128, 33, number % 2**16, 0, 1)
                sender.sendto(header + data[start : start + DATAGRAM], ("127.0.0.1", port))
                if over.wait(0.001):
                    return

    thread = threading.Thread(target=send)
    thread.start()
    url = f"rtp://127.0.0.1:{port}"
    options = LiveOptions(timeout=1, connect_seconds=100, reconnect=False)
    try:
        for record in LiveSource(url, name="cam", options=options).records(slots):
            if isinstance(record, Frame):
                over.set()
    finally:
        over.set()
        thread.join()
    assert record.message == "the connection broke off: nothing arrived for 1 s"


@pytest.mark.parametrize(
    ("scheme", "no_proxy", "is_used"),
    [
        ("http", "", True),
        ("https", "", True),
        ("rtsps", "", True),
        ("rtmps", "", True),
        ("http", "calhost,m.localhost,127.0.0.1", True),
        ("https", "cam.localhost", False),
        ("http", "other, localhost", False),
        ("http", ".localhost", False),
        ("http", "*.localhost other", False),
        ("http", "*", False),
    ],
)
def test_a_proxy_that_says_nothing_is_told(slots, monkeypatch, scheme, no_proxy, is_used):
    with socket.create_server(("127.0.0.1", 0)) as proxy:
        proxy.setblocking(False)
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{proxy.getsockname()[1]}")
        monkeypatch.setenv("no_proxy", no_proxy)
        reason = fault(f"{scheme}://cam.localhost:9/live", slots)
        with contextlib.nullcontext() if is_used else pytest.raises(BlockingIOError):
            proxy.accept()[0].close()
    via = ", through the proxy of http_proxy; no_proxy=cam.localhost goes there directly"
    assert reason.endswith(via) == is_used


def test_a_protocol_without_proxy_is_opened_directly(slots, monkeypatch):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    with server(b"") as port:
        told = fault(f"rtmp://127.0.0.1:{port}/live", slots)
    assert told == "the server closed the connection"


def test_a_name_server_that_does_not_answer_does_not_block(slots, monkeypatch):
    over = threading.Event()
    monkeypatch.setattr(network_faults, "_LOOKUP_SECONDS", 0.2)
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_: over.wait(100))
    started = time.monotonic()
    told = fault("rtsp://north/live", slots)
    over.set()
    assert time.monotonic() - started < 50
    assert told == "the name server does not answer"


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("http://me:s3cret@north:80/@live/full.ts", "north"),
        ("rtsp://[fe80::1%25eth0]:554/live", "fe80::1%25eth0"),
        ("http://north/@live/full.ts?from=a@b.org", None),  # perhaps a part of a password
        ("unix://tmp/north.sock", None),
        ("file:///north.mp4", None),
        ("north.mp4", None),
        ("udp://:5000", None),
    ],
)
def test_only_a_host_is_looked_up(monkeypatch, url, host):
    asked = []
    monkeypatch.setattr(socket, "getaddrinfo", lambda name, *_: asked.append(name))
    assert name_fault(url) == ""
    assert asked == ([] if host is None else [host])


def test_a_proxy_looks_names_up(monkeypatch):
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_: pytest.fail("looked up"))
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    assert name_fault("http://north/live") == ""


def test_a_name_server_that_is_not_there_is_told(slots, monkeypatch):
    def look_up(*_):
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    assert fault("http://north/live", slots) == "the name server does not answer"


def test_what_is_no_video_may_be_a_web_page():
    error = av.error.InvalidDataError(1, "Invalid data found when processing input")
    told = opening_fault(error, "http://north/live", {"timeout": "2000000"}, 0.1, None)
    assert told == "the server sent no video that FFmpeg knows, perhaps a web page"


@pytest.mark.parametrize(
    ("credentials", "offered", "advice"),
    [
        (
            "north:secret@",
            b'Digest realm="a", nonce="b", qop="auth", algorithm=SHA-256',
            "; the password is wrong, or the server asks for Digest other than MD5",
        ),
        ("", b'Basic realm="a"', ""),
    ],
)
def test_a_password_that_ffmpeg_cannot_send_may_be_right(slots, credentials, offered, advice):
    options = LiveOptions(timeout=0.6, connect_seconds=0)
    with server(REFUSED % offered) as port:
        url = f"http://{credentials}127.0.0.1:{port}/live"
        with pytest.raises(SourceError) as error:
            next(LiveSource(url, name="cam", options=options).records(slots))
    assert str(error.value) == (
        f"cannot open http://127.0.0.1:{port}/live as a video: "
        f"Server returned 401 Unauthorized (authorization failed){advice}"
    )


@pytest.mark.parametrize("location", ["/videos/north.mp4", "/dev/video0", "file:///north.mp4"])
def test_a_file_keeps_its_text(location):
    error = av.error.OSError(5, os.strerror(5))
    assert opening_fault(error, location, {"timeout": "1"}, 10, 15) == ""
    assert reading_fault(error, location, {}) == "Input/output error"
