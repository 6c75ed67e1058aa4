"""Servers that are missing, silent or close; files on disk keep FFmpeg's error text."""

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
    """Yields its port; sends each client the answer and closes, or sends nothing at all."""
    clients = []

    def serve():
        with contextlib.suppress(OSError):
            while True:
                clients.append(listener.accept()[0])
                if answer is not None:
                    clients[-1].recv(4096)
                    clients[-1].sendall(answer)
                    clients[-1].close()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=serve, daemon=True).start()
        yield listener.getsockname()[1]
    for client in clients:
        client.close()


def fault(url, slots):
    """Returns the reason, as shown to the user, why the first connection fails."""
    options = LiveOptions(timeout=0.6, connect_seconds=0)
    with pytest.raises(SourceError) as error:
        next(LiveSource(url, name="cam", options=options).records(slots))
    opening, _, reason = str(error.value).partition(" as a video: ")
    assert opening == f"cannot open {url}"
    return reason.removesuffix("; gave up after 0 s")


@pytest.mark.parametrize("scheme", ["rtsp", "http", "rtmp", "udp"])
@pytest.mark.parametrize("host", ["camera.invalid", "a" * 64])
def test_an_unknown_host_is_reported(slots, monkeypatch, scheme, host):
    def look_up(*_):  # as with a name server
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    if "." in host:
        monkeypatch.setattr(socket, "getaddrinfo", look_up)
    assert fault(f"{scheme}://{host}:5554/live", slots) == "no such host"


@pytest.mark.parametrize("scheme", ["rtsp", "http", "tcp"])
def test_a_silent_server_is_reported(slots, scheme):
    with server() as port:
        assert fault(f"{scheme}://127.0.0.1:{port}/live", slots) == "nothing arrived for 0.6 s"


def test_an_rtsp_camera_that_does_not_answer_play_is_reported(slots):
    with rtsp.serve(lambda camera: None, answers={"PLAY": None}) as url:
        assert fault(url, slots) == "nothing arrived for 0.6 s"


def test_a_silent_udp_camera_is_reported(slots):
    port = free_port(socket.SOCK_DGRAM)
    assert fault(f"udp://127.0.0.1:{port}", slots) == "nothing arrived for 0.6 s"


@pytest.mark.parametrize(
    ("scheme", "answer", "detail"),
    [
        ("rtmp", b"", ""),
        ("http", b"", ""),
        ("http", HTTP, ""),
        ("rtsp", b"", " or gave no valid answer"),
        ("https", b"no encryption\r\n", " or does not encrypt it"),
    ],
)
def test_a_server_that_closes_the_connection_is_reported(slots, scheme, answer, detail):
    with server(answer) as port:
        reason = fault(f"{scheme}://127.0.0.1:{port}/live", slots)
    assert reason == f"the server closed the connection{detail}"


@pytest.mark.parametrize("scheme", ["http", "udp"])
def test_a_running_camera_that_closes_or_falls_silent_is_reported(tmp_path, slots, scheme):
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
    assert sum(isinstance(each, Frame) for each in records) == 50  # including those held back
    reason = "nothing arrived for 3 s" if scheme == "udp" else "the server closed the connection"
    assert end.message == f"the connection broke off: {reason}"


def test_an_rtp_camera_that_falls_silent_is_reported(tmp_path, slots):
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
def test_a_silent_proxy_is_reported_if_it_is_used(slots, monkeypatch, scheme, no_proxy, is_used):
    with socket.create_server(("127.0.0.1", 0)) as proxy:
        proxy.setblocking(False)
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{proxy.getsockname()[1]}")
        monkeypatch.setenv("no_proxy", no_proxy)
        reason = fault(f"{scheme}://cam.localhost:9/live", slots)
        with contextlib.nullcontext() if is_used else pytest.raises(BlockingIOError):
            proxy.accept()[0].close()
    via = ", through the proxy of http_proxy; no_proxy=cam.localhost goes there directly"
    assert reason.endswith(via) == is_used


def test_a_protocol_without_proxy_support_is_opened_directly(slots, monkeypatch):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    with server(b"") as port:
        reason = fault(f"rtmp://127.0.0.1:{port}/live", slots)
    assert reason == "the server closed the connection"


def test_a_name_server_that_does_not_answer_does_not_block(slots, monkeypatch):
    over = threading.Event()
    monkeypatch.setattr(network_faults, "_LOOKUP_SECONDS", 0.2)
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_: over.wait(100))
    started = time.monotonic()
    reason = fault("rtsp://north/live", slots)
    over.set()
    assert time.monotonic() - started < 50
    assert reason == "the name server does not answer"


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("http://me:s3cret@north:80/@live/full.ts", "north"),
        ("rtsp://[fe80::1%25eth0]:554/live", "fe80::1%25eth0"),
        ("http://north/@live/full.ts?from=a@b.org", None),  # possibly part of a password
        ("unix://tmp/north.sock", None),
        ("file:///north.mp4", None),
        ("north.mp4", None),
        ("udp://:5000", None),
    ],
)
def test_only_host_names_are_looked_up(monkeypatch, url, host):
    asked = []
    monkeypatch.setattr(socket, "getaddrinfo", lambda name, *_: asked.append(name))
    assert name_fault(url) == ""
    assert asked == ([] if host is None else [host])


def test_name_lookups_are_left_to_the_proxy(monkeypatch):
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_: pytest.fail("looked up"))
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    assert name_fault("http://north/live") == ""


def test_a_missing_name_server_is_reported(slots, monkeypatch):
    def look_up(*_):
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    assert fault("http://north/live", slots) == "the name server does not answer"


def test_invalid_http_data_is_reported_as_a_possible_web_page():
    error = av.error.InvalidDataError(1, "Invalid data found when processing input")
    reason = opening_fault(error, "http://north/live", {"timeout": "2000000"}, 0.1, None)
    assert reason == "the server sent no video that FFmpeg knows, perhaps a web page"


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
def test_a_refusal_with_an_unsupported_digest_is_explained(slots, credentials, offered, advice):
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
def test_a_file_keeps_ffmpegs_error_text(location):
    error = av.error.OSError(5, os.strerror(5))
    assert opening_fault(error, location, {"timeout": "1"}, 10, 15) == ""
    assert reading_fault(error, location, {}) == "Input/output error"
