"""Addresses of cameras: hiding their secrets, and rejecting those that cannot work."""

from __future__ import annotations

import re
from pathlib import Path

from stages.errors import SourceError

LISTENING = frozenset({"rtp", "srt", "tcp", "udp"})
"""Schemes for which a port is enough, without a host."""

CALLING = frozenset({"ftp", "http", "https", "rtmp", "rtmps", "rtsp", "rtsps", "sftp", "tls"})
"""Schemes that need a host."""

UNCERTAIN = "…"
"""Shown by `server_of` instead of a host that may be part of a password."""

_SCHEME = re.compile(r"[a-z][a-z0-9+.,:-]*", re.IGNORECASE | re.ASCII)  # cache:http, too
_NAME = r"(?:access|api_?key|auth|cred|key|login|pass|psw|pw|secret|sig|token|user|usr)[a-z_]*"
_CREDENTIAL = rf"{_NAME}=.*?(?=[_&;#][a-z]+=|$)"
_IN_PATH = re.compile(rf"(?<=[/?&;#]){_CREDENTIAL}(?:[_&;]{_CREDENTIAL})*", re.IGNORECASE)
_NO_PORT = re.compile(r"(?<=://)(\[.*?\]|[^/?#:\[]*):(?![0-9]*(?:[/?#]|$))[^/?#]*")


def is_session(location: str) -> bool:
    """Returns whether a location is a file that describes an RTP session (SDP, RFC 8866)."""
    is_file = "://" not in location or location.lower().startswith("file://")
    return is_file and location.lower().endswith(".sdp") and not Path(location).is_dir()


def redact(location: str) -> str:
    """Returns the location without user name, password, query and fragment, which may be a token.

    A password may contain ``@``, ``/`` and ``?``, though it should not. Everything up to the last
    ``@`` is removed, and so is a port that is not a number, as where ``@`` was written ``%40``.
    Credentials that some recorders expect in the path, ``/user=me_password=secret_channel=1``, are
    removed too. The rest of the path is kept, even if it is secret, like the stream key of RTMP.
    """
    if "://" not in location:
        return location
    shown = re.sub(r"(?<=://).*@", "", _IN_PATH.sub("", location))
    shown = _NO_PORT.sub(r"\1", shown)
    return re.split("[?#]", shown, maxsplit=1)[0]


def without_credentials(text: str) -> str:
    """Returns a text without the user names and passwords in the URLs it contains."""
    return re.sub(r"(?<=://)[^\s'\"]*@", "", text)


def server_of(url: str) -> str:
    """Returns scheme, host and port of a URL; its other parts may be secret.

    If it is not certain that ``@`` ends a password, the host is replaced by `UNCERTAIN`.
    """
    scheme, _, rest = url.partition("://")
    authority = re.split("[/?#]", rest, maxsplit=1)[0]
    host = UNCERTAIN if "@" in rest and "@" not in authority else authority.rpartition("@")[2]
    return f"{scheme}://{host}"


def reject_unreachable(location: str) -> None:
    """Rejects a URL that cannot be opened as it is written.

    Without a host, FFmpeg would connect to this computer.

    Raises:
        SourceError: The URL has an invalid scheme, no host, or an impossible port.
    """
    scheme, _, rest = location.partition("://")
    if not _SCHEME.fullmatch(scheme):
        raise SourceError(f"{scheme}:// does not begin a URL; expected such as rtsp://")
    scheme = scheme.lower()
    authority = re.split("[/?#]", rest, maxsplit=1)[0]
    address = authority.rpartition("@")[2]
    host, _, port = address.partition(":")
    if not host and (scheme in CALLING or (scheme in LISTENING and not port)):
        raise SourceError(f"{redact(location)} names no host")
    port = address.rpartition("]")[2].partition(":")[2]  # an IPv6 address has brackets
    if scheme in CALLING | LISTENING and port and not is_port(port):
        reason = "the port must be a number from 1 to 65535"
        if "@" in rest and "@" not in authority:  # the apparent port is part of a password
            reason += "; in a password, write / as %2F, # as %23 and ? as %3F"
        raise SourceError(f"{redact(location)} cannot be opened: {reason}")


def is_port(text: str) -> bool:
    """Returns whether ``text`` is a number from 1 to 65535, in up to five ASCII digits."""
    return text.isascii() and text.isdigit() and len(text) <= 5 and 1 <= int(text) <= 65535
