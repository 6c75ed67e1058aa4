"""The password of a run's web page and metrics, with real requests."""

import base64
import contextlib
import http.client
import json

import pytest

from pipeline.config_file import load_config
from pipeline.supervision.http_password import read_credentials
from pipeline.supervision.http_server import Answer, HttpServer
from pipeline.supervision.monitor import RunMonitor
from pipeline.supervision.run_resources import open_run_resources
from stages.errors import ConfigError
from tests.pipeline.scraping import get
from tools.harness.ports import free_port


def basic(given, scheme="Basic"):
    return {"Authorization": f"{scheme} {base64.b64encode(given.encode()).decode()}"}


@pytest.fixture
def server():
    def answer(path):
        return Answer(200, body=b"seen")

    server = HttpServer(
        "runtime.page", "127.0.0.1:0", answer, "guard:pä:ss".encode(), open_paths=("/open",)
    )
    yield server
    server.close()


@pytest.mark.parametrize("scheme", ["Basic", "basic"])
def test_right_password_is_answered(server, scheme):
    assert get(server.port, "/", headers=basic("guard:pä:ss", scheme)) == (200, "seen")


@pytest.mark.parametrize(
    "headers",
    [
        {},
        basic("guard:wrong"),
        basic("other:pä:ss"),
        basic("guard:pä:ss2"),
        basic("guard:"),
        basic(""),
        basic("guard:pä:ss", "Bearer"),
        {"Authorization": "Basic"},
        {"Authorization": "Basic guard:pä:ss"},
        {"Authorization": "Basic ***"},
    ],
)
@pytest.mark.parametrize("path", ["/", "/pictures/north.jpg", "/open/not", "/?/open"])
def test_other_requests_are_refused(server, headers, path):
    code, text = get(server.port, path, headers=headers)
    assert (code, "seen" in text) == (401, False)


def test_refusal_asks_for_a_password_in_utf8(server):
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", server.port)) as client:
        client.request("HEAD", "/")
        answer = client.getresponse()
    assert answer.status == 401
    assert answer.headers["WWW-Authenticate"] == 'Basic realm="SpotStream", charset="UTF-8"'


def test_open_path_needs_no_password(server):
    assert get(server.port, "/open?now") == (200, "seen")


def test_loopback_server_refuses_other_hosts_even_with_the_password(server):
    headers = {"Host": "camera.example", **basic("guard:pä:ss")}
    assert get(server.port, "/", headers=headers)[0] == 403


@pytest.mark.parametrize(
    "content",
    [b"me:pass", b"me:pass\n", b"\n\r\n  me:pass \r\n\n", b"\xef\xbb\xbfme:pass\n"],
)
def test_password_is_the_only_line_of_its_file(tmp_path, content):
    (tmp_path / "password").write_bytes(content)
    assert read_credentials(tmp_path / "password") == b"me:pass"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "it has 0 lines"),
        (b"\n \n", "it has 0 lines"),
        (b"me:s3cret\nyou:s3cret\n", "it has 2 lines"),
        (b"s3cret\n", "its line has no colon, or nothing after the colon"),
        (b"s3cret:\n", "its line has no colon, or nothing after the colon"),
        (b"me:s3cret\xff", "it cannot be read: not a text file"),
    ],
)
def test_invalid_file_is_refused_without_its_content(tmp_path, content, reason):
    (tmp_path / "password").write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        read_credentials(tmp_path / "password")
    wanted = "runtime.http_password must be a file with one line, user:password"
    assert str(caught.value) == f"{wanted}; {reason}"


@pytest.mark.parametrize("given", ["me:s3cret", "me:s3cret\0"])
def test_password_given_in_place_of_a_file_is_not_shown(temporary, tmp_path, given):
    temporary(tmp_path)
    config = load_config(None, [f"runtime.http_password={json.dumps(given)}"])
    run = open_run_resources(config, tmp_path, RunMonitor(), lambda: True, print)
    with pytest.raises(ConfigError, match="must be a file with one line") as caught:
        run.__enter__()
    assert "s3cret" not in str(caught.value)


def test_page_and_metrics_of_a_run_ask_for_the_password_and_health_checks_do_not(
    temporary, tmp_path
):
    temporary(tmp_path)
    (tmp_path / "password").write_text("me:s3cret\n")
    web, metrics = free_port(), free_port()
    settings = [f"runtime.web={web}", f"runtime.metrics={metrics}"]
    config = load_config(None, [*settings, f"runtime.http_password={tmp_path}/password"])
    monitor, given = RunMonitor(), basic("me:s3cret")
    with open_run_resources(config, tmp_path, monitor, lambda: True, print):
        for port, path in ((web, "/"), (metrics, "/metrics")):
            assert get(port, path)[0] == 401
            assert get(port, path, headers=given)[0] == 200
        for port, path in ((web, "/overview.json"), (web, "/pictures/a.jpg"), (metrics, "/")):
            assert get(port, path)[0] == 401
            assert get(port, path, headers=given)[0] == 404
        for path in ("/healthz", "/readyz"):
            assert get(metrics, path)[0] in (200, 503)
