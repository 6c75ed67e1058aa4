import contextlib
import http.client
import socket
import struct
import threading
import urllib.request

import pytest

from pipeline.supervision.http_server import Answer, HttpServer
from stages.errors import ConfigError
from tests.pipeline.scraping import get
from tests.waiting import wait_for


def serve(address):
    def answer(path):
        if path == "/fault":
            raise ZeroDivisionError("division by zero")
        return Answer(200, body=b"ok") if path == "/" else Answer(404)

    return HttpServer("runtime.page", address, answer)


@pytest.fixture
def server():
    server = serve("127.0.0.1:0")
    yield server
    server.close()


def test_path_is_answered_regardless_of_its_query(server):
    assert get(server.port, "/?when=now") == (200, "ok")
    assert get(server.port, "/", "HEAD") == (200, "")
    assert get(server.port, "/other") == (404, "")
    assert get(server.port, "/", "POST")[0] == 501


def test_head_request_gets_no_body(server):
    with socket.create_connection(("127.0.0.1", server.port)) as client:
        client.sendall(b"HEAD / HTTP/1.0\r\n\r\n")
        answer = client.makefile("rb").read()
    assert b"\r\nContent-Length: 2\r\n" in answer
    assert answer.endswith(b"\r\n\r\n")


@pytest.mark.parametrize(
    ("host", "code"),
    [
        ("127.0.0.1:8080", 200),
        ("localhost", 200),
        ("[::1]:80", 200),
        ("", 200),
        ("camera.example", 403),
        ("10.0.0.1:80", 403),
        ("[", 403),
    ],
)
def test_loopback_server_refuses_names_of_other_hosts(server, host, code):
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", server.port)) as client:
        client.request("GET", "/", headers={"Host": host})
        assert client.getresponse().status == code


def test_server_for_other_hosts_accepts_any_host_name():
    server = serve("0.0.0.0:0")
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", server.port)) as client:
        client.request("GET", "/", headers={"Host": "camera.example"})
        assert client.getresponse().status == 200
    server.close()


def test_client_that_hangs_up_causes_no_log_output(server, capfd, caplog):
    for _ in range(5):
        with socket.create_connection(("127.0.0.1", server.port)) as client:
            client.sendall(b"GET / HTTP/1.1\r\n\r\n")
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    assert get(server.port, "/")[0] == 200
    wait_for(lambda: not server._server._deadlines)
    assert capfd.readouterr().err == ""
    assert caplog.records == []


def test_client_closed_while_being_cut_off_does_not_stop_the_server(server):
    gone = socket.socket()
    gone.close()
    server._server._deadlines[gone] = 0.0
    server._server.service_actions()
    del server._server._deadlines[gone]


def test_unfinished_requests_are_limited_and_cut_off(server, monkeypatch):
    monkeypatch.setattr("pipeline.supervision.http_server._REQUEST_SECONDS", 1.0)
    before = threading.active_count()
    slow = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(100)]
    most = 0

    def all_are_cut_off():
        nonlocal most
        most = max(most, threading.active_count() - before)
        return sum(map(is_open, slow)) == 0

    wait_for(all_are_cut_off)
    assert 0 < most < 20
    assert get(server.port, "/")[0] == 200
    for client in slow:
        client.close()


def is_open(client):
    """Sends one byte of a request; returns whether the connection is still open."""
    try:
        client.send(b"G")
        client.recv(1000, socket.MSG_DONTWAIT)
    except BlockingIOError:
        return True
    except ConnectionError:
        pass
    return False


def test_closed_server_frees_its_port_and_refuses_connections():
    server = serve("127.0.0.1:0")
    server.close()
    serve(f"127.0.0.1:{server.port}").close()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", server.port))


def test_error_is_logged_once_without_a_traceback(server, capfd, caplog):
    for _ in range(3):
        with pytest.raises(http.client.RemoteDisconnected):
            get(server.port, "/fault")
    assert capfd.readouterr().err == ""
    assert [record.getMessage() for record in caplog.records] == [
        "runtime.page: cannot answer a request: ZeroDivisionError('division by zero')"
    ]


def test_address_in_use_is_named(server):
    with pytest.raises(
        ConfigError, match=f"^runtime.page: cannot listen on 127.0.0.1:{server.port}"
    ):
        serve(f"127.0.0.1:{server.port}")


def test_server_listens_on_an_ipv6_address():
    server = serve("[::1]:0")
    try:
        with urllib.request.urlopen(f"http://[::1]:{server.port}/", timeout=100) as answer:
            assert answer.status == 200
    finally:
        server.close()


def test_server_starts_without_reverse_dns(monkeypatch):
    monkeypatch.setattr(socket, "gethostbyaddr", lambda address: pytest.fail("asked for a name"))
    serve("0.0.0.0:0").close()


def test_host_may_have_only_ipv6_addresses(monkeypatch):
    look_up = socket.getaddrinfo

    def found(host, *arguments, **options):
        return look_up("::1" if host == "camera-pc" else host, *arguments, **options)

    monkeypatch.setattr(socket, "getaddrinfo", found)
    serve("camera-pc:0").close()


def test_host_with_both_address_families_is_served_on_ipv4(monkeypatch):
    look_up = socket.getaddrinfo

    def found(host, *arguments, **options):
        numbers = ("::1", "127.0.0.1") if host == "localhost" else (host,)
        return [each for number in numbers for each in look_up(number, *arguments, **options)]

    monkeypatch.setattr(socket, "getaddrinfo", found)
    server = serve("localhost:0")
    assert get(server.port, "/") == (200, "ok")
    server.close()


@pytest.mark.parametrize("host", ["a..b", "a" * 64])
def test_invalid_host_is_reported(host):
    with pytest.raises(ConfigError, match=f"^runtime.page: cannot listen on {host}:9109"):
        serve(f"{host}:9109")


def test_star_listens_on_every_address():
    server = serve("*:0")
    try:
        request = urllib.request.Request(f"http://127.0.0.1:{server.port}/", headers={"Host": "me"})
        with urllib.request.urlopen(request, timeout=100) as answer:
            assert answer.status == 200
    finally:
        server.close()
