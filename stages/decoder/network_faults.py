"""Explains why a network source failed, since FFmpeg reports many causes by the same error."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Mapping
from concurrent import futures
from urllib.parse import urlsplit

import av.error

from stages.background import in_background
from stages.urls import CALLING, LISTENING, UNCERTAIN, is_session, server_of

_LOOKUP_SECONDS = 20.0  # ample for a second name server when the first is silent
_SILENT, _NO_HOST = "the name server does not answer", "no such host"
_NEARLY = 0.9  # FFmpeg's clock and ours start at different times
_RTSP = frozenset({"rtsp", "rtsps"})
_VAGUE = (av.error.InvalidDataError, av.error.PermissionError)  # the latter if PLAY gets no answer
_WEB = frozenset({"http", "https"})
_TLS = frozenset({"https", "rtmps", "rtsps", "tls"})


def opening_fault(
    error: Exception,
    location: str,
    options: Mapping[str, str],
    seconds: float,
    limit: float | None,
) -> str:
    """Returns why a URL could not be opened, or "" if FFmpeg's own message suffices.

    Args:
        error: FFmpeg's error.
        location: The URL; the result is "" for a local file.
        options: FFmpeg's options, with its time-out.
        seconds: How long the attempt took.
        limit: Seconds after which PyAV ends an attempt, even if data arrives.
    """
    if not _is_remote(location):
        return ""
    if isinstance(error, av.error.ExitError) and limit is not None:
        return f"no video arrived for {limit:g} s"
    if isinstance(error, av.error.EOFError):
        return "the server closed the connection"
    scheme = _scheme(location)
    if isinstance(error, av.error.InvalidDataError) and scheme in _WEB:
        return "the server sent no video that FFmpeg knows, perhaps a web page"
    if isinstance(error, av.error.InvalidDataError) and is_session(location):
        return "its port or the next one is in use, or c= is not an address of this computer"
    if isinstance(error, av.error.InvalidDataError) and scheme == "rtp":
        return "the data is not MPEG-TS; describe it in a file NAME.sdp, and give that as source"
    if isinstance(error, av.error.HTTPUnauthorizedError) and scheme in _WEB:
        has_password = "@" in location.split("/")[2]
        advice = "; the password is wrong, or the server asks for Digest other than MD5"
        return f"{error.strerror}{advice if has_password else ''}"
    is_vague = isinstance(error, _VAGUE) and scheme in _RTSP
    is_io = isinstance(error, OSError) and error.errno == errno.EIO
    timeout = timeout_of(options)
    is_late = timeout is not None and seconds >= _NEARLY * timeout
    if is_late and (is_io or is_vague or isinstance(error, TimeoutError)):
        return f"nothing arrived for {timeout:g} s"
    if is_vague:
        return "the server closed the connection or gave no valid answer"
    if is_io and scheme in _TLS:
        return "the server closed the connection or does not encrypt it"
    return "the server closed the connection" if is_io and scheme != "udp" else ""


def proxy_in_use(location: str) -> str:
    """Returns a suffix for a reason if FFmpeg opens the URL through a proxy, else "".

    FFmpeg reads only the variables in lower case, and uses the proxy for local addresses as well.
    """
    is_proxied = _scheme(location) in _TLS | _WEB
    if not (is_proxied and os.environ.get("http_proxy", "").startswith("http://")):
        return ""
    host = _host(location)
    for pattern in os.environ.get("no_proxy", "").replace(",", " ").split():
        domain = pattern.removeprefix("*").removeprefix(".")
        if pattern == "*" or host == domain or host.endswith(f".{domain}"):
            return ""
    return f", through the proxy of http_proxy; no_proxy={host} goes there directly"


def reading_fault(
    error: av.error.FFmpegError,
    location: str,
    options: Mapping[str, str],
    *,
    has_begun: bool = True,
) -> str:
    """Returns why an open source broke off, in FFmpeg's words if they suffice.

    Args:
        error: FFmpeg's error.
        location: A path or URL.
        options: FFmpeg's options, with its time-out.
        has_begun: Whether frames have come, or could without seeking back from an index at the end.
    """
    reason = error.strerror or str(error)
    if not _is_remote(location) or not isinstance(error, OSError):
        return reason
    is_io, timeout = error.errno == errno.EIO, timeout_of(options)
    is_silent = isinstance(error, TimeoutError) or (is_io and _scheme(location) == "udp")
    if is_silent and timeout is not None:
        return f"nothing arrived for {timeout:g} s"
    if not is_io or is_silent:
        return reason
    if has_begun:
        return "the server closed the connection"
    return (
        "the server closed the connection, or it does not support seeking, which a file with its "
        "index at the end needs; download it, or write it with -movflags +faststart"
    )


def _scheme(location: str) -> str:
    return location.partition("://")[0].lower()


def _is_remote(location: str) -> bool:
    return is_session(location) or ("://" in location and _scheme(location) != "file")


def timeout_of(options: Mapping[str, str]) -> float | None:
    """Returns the seconds of silence after which FFmpeg gives up."""
    microseconds = options.get("timeout") or options.get("rw_timeout")
    return int(microseconds) / 1e6 if microseconds else None


def _host(location: str) -> str:
    """Returns the host of a URL, "" if it is not certain."""
    try:
        host = urlsplit(server_of(location)).hostname or ""
    except ValueError:
        return ""
    return "" if host == UNCERTAIN else host


def name_fault(location: str) -> str:
    """Returns why the host of a URL has no address, "" if it has one or a proxy resolves it.

    FFmpeg's own lookup takes minutes if name servers are silent, and cannot be interrupted.
    """
    is_served = _scheme(location) in CALLING | LISTENING and not proxy_in_use(location)
    host = _host(location) if is_served else ""
    if not host:
        return ""
    lookup = in_background(lambda: socket.getaddrinfo(host, None))
    try:
        lookup.result(_LOOKUP_SECONDS)
    except socket.gaierror as error:
        return _SILENT if error.errno == socket.EAI_AGAIN else _NO_HOST
    except UnicodeError:  # an empty or overlong label
        return _NO_HOST
    except futures.TimeoutError:
        return _SILENT
    return ""
