"""A small HTTP server for the metrics and the web page of a run."""

from __future__ import annotations

import contextlib
import logging
import math
import socket
import sys
import threading
import time
from collections.abc import Callable, Collection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import TCPServer
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from pipeline.addresses import is_loopback
from pipeline.supervision.http_password import CHALLENGE, is_permitted
from stages.errors import ConfigError

_POLL_SECONDS = 0.1  # how often the server checks whether to close, which delays a run's end
_MAX_REQUESTS = 16  # at a time, each with a thread and a descriptor
_REQUEST_SECONDS = 5.0
_ERROR_LOG_SECONDS = 60.0

log = logging.getLogger(__name__)


class Answer(NamedTuple):
    """An answer to a request: its status, the type of its content, and the content."""

    code: int
    kind: str = "text/plain"
    body: bytes = b""


_REFUSAL = Answer(403, body=b"ask for 127.0.0.1 or localhost; a proxy has to set Host\n")
_NO_PASSWORD = Answer(401, body=b"a user name and a password are needed\n")


def _names_loopback(header: str) -> bool:
    """Returns whether a request's ``Host`` is loopback, or empty."""
    try:
        host = urlsplit(f"//{header}").hostname
    except ValueError:
        return False
    return host is None or is_loopback(host)


class HttpServer:
    """Answers GET and HEAD in threads, until it is closed.

    Connections beyond sixteen are closed at once, and every connection after five seconds. On
    loopback, requests that name another host are refused: otherwise a page of that host, open in a
    browser on this machine, could read the answers.

    Attributes:
        port: The port it listens on.

    Args:
        setting: Config key of the address, for messages.
        address: ``HOST:PORT``; port 0 chooses a free one.
        answer: Answers a request for a path without its query; called from several threads.
        credentials: See `read_credentials`; None to answer everyone.
        open_paths: Paths that are answered without a password.

    Raises:
        ConfigError: The server cannot listen on the address.
    """

    def __init__(
        self,
        setting: str,
        address: str,
        answer: Callable[[str], Answer],
        credentials: bytes | None = None,
        open_paths: Collection[str] = (),
    ) -> None:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                path = self.path.partition("?")[0]
                given = self.headers.get("Authorization", "")
                if is_local and not _names_loopback(self.headers.get("Host", "")):
                    code, kind, body = _REFUSAL
                elif path in open_paths or is_permitted(given, credentials):
                    code, kind, body = answer(path)
                else:
                    code, kind, body = _NO_PASSWORD
                self.send_response(code)
                if code == _NO_PASSWORD.code:
                    self.send_header("WWW-Authenticate", CHALLENGE)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                if self.command == "GET":
                    self.wfile.write(body)

            def do_HEAD(self) -> None:
                self.do_GET()

            def log_message(self, format: str, *args: Any) -> None:
                """Suppresses the log line of each request."""

        host, _, port = address.rpartition(":")
        host = host.strip("[]")
        is_local = is_loopback(host)

        try:
            kind, passive = socket.SOCK_STREAM, socket.AI_PASSIVE
            found = socket.getaddrinfo(host, int(port), type=kind, flags=passive)
            family, *_, socket_address = min(found, key=lambda each: each[0] != socket.AF_INET)
            self._server = _BoundedServer(setting, family, socket_address, Handler)
        except (OSError, UnicodeError) as error:
            raise ConfigError(f"{setting}: cannot listen on {address}: {error}") from error
        self.port = int(self._server.server_address[1])
        serve = self._server.serve_forever
        threading.Thread(target=serve, args=(_POLL_SECONDS,), name=setting, daemon=True).start()

    def close(self) -> None:
        """Stops listening."""
        self._server.shutdown()
        self._server.server_close()


class _BoundedServer(ThreadingHTTPServer):
    """A server whose clients cannot exhaust the threads and descriptors of the process."""

    request_queue_size = 128  # connections not yet accepted; when full, a client waits a second

    def __init__(self, setting: str, address_family: int, *args: Any) -> None:
        self._setting = setting
        self.address_family = address_family
        self._deadlines: dict[socket.socket, float] = {}
        self._logged_error_at = -math.inf
        super().__init__(*args)

    def server_bind(self) -> None:
        """Binds without looking up its own name, which takes seconds if no name server answers."""
        TCPServer.server_bind(self)

    def process_request(self, request: Any, client_address: Any) -> None:
        if len(self._deadlines) >= _MAX_REQUESTS:
            self.shutdown_request(request)
            return
        self._deadlines[request] = time.monotonic() + _REQUEST_SECONDS
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        super().shutdown_request(request)
        self._deadlines.pop(request, None)

    def service_actions(self) -> None:
        """Ends requests that take too long; called every `_POLL_SECONDS`."""
        now = time.monotonic()
        for request, deadline in list(self._deadlines.items()):
            if now > deadline:
                with contextlib.suppress(OSError):
                    request.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignores broken connections; logs other errors at most once a minute."""
        error, now = sys.exc_info()[1], time.monotonic()
        if not isinstance(error, OSError) and now - self._logged_error_at >= _ERROR_LOG_SECONDS:
            self._logged_error_at = now
            log.error("%s: cannot answer a request: %r", self._setting, error)
