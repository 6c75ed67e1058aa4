"""A web page with the streams of a run and their latest pictures."""

from __future__ import annotations

import time
from collections.abc import Callable
from importlib.resources import files
from urllib.parse import unquote

import msgspec

from pipeline.supervision.http_server import Answer, HttpServer
from pipeline.supervision.overview import Overview

_PAGE_SECONDS = 1.0


class StreamPage(HttpServer):
    """Serves the page, which asks for the overview and the pictures once a second.

    Args:
        address: See `HttpServer`.
        picture: Returns the latest picture of the named stream as a JPEG, or None without one;
            called from several threads.
        credentials: See `HttpServer`.

    Raises:
        ConfigError: The server cannot listen on the address.
    """

    def __init__(
        self,
        address: str,
        picture: Callable[[str], bytes | None],
        credentials: bytes | None = None,
    ) -> None:
        self._picture = picture
        self._page = files("pipeline.supervision").joinpath("page.html").read_bytes()
        self._overview = b""
        self._due = 0.0
        super().__init__("runtime.web", address, self._answer, credentials)

    def refresh(self, overview: Callable[[], Overview]) -> None:
        """Refreshes the overview once a second; call it as often as you like, from one thread."""
        now = time.monotonic()
        if now >= self._due:
            self._due = now + _PAGE_SECONDS
            self._overview = msgspec.json.encode(overview())

    def _answer(self, path: str) -> Answer:
        if path == "/":
            return Answer(200, "text/html; charset=utf-8", self._page)
        if path == "/overview.json" and self._overview:
            return Answer(200, "application/json", self._overview)
        if path.startswith("/pictures/"):
            name = unquote(path.removeprefix("/pictures/").removesuffix(".jpg"))
            if jpeg := self._picture(name):
                return Answer(200, "image/jpeg", jpeg)
        return Answer(404, body=b"try / or /overview.json\n")
