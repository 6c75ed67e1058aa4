"""The password that the HTTP servers of a run ask for (HTTP Basic, RFC 7617)."""

from __future__ import annotations

import base64
import hmac
from pathlib import Path

from stages.errors import ConfigError, reason_of

CHALLENGE = 'Basic realm="SpotStream", charset="UTF-8"'
"""The header ``WWW-Authenticate`` of an answer that asks for the password."""

_WANTED = "runtime.http_password must be a file with one line, user:password"


def read_credentials(file: Path) -> bytes:
    """Returns ``user:password``, the only line of a file that is not empty, in UTF-8.

    Raises:
        ConfigError: There is no such line. The message quotes neither the line nor the path of the
            file, since the password itself may have been given instead.
    """
    try:
        lines = [line.strip() for line in file.read_text("utf-8-sig").splitlines()]
    except (OSError, ValueError) as error:
        raise ConfigError(f"{_WANTED}; it cannot be read: {reason_of(error)}") from None
    given = [line for line in lines if line]
    if len(given) != 1:
        raise ConfigError(f"{_WANTED}; it has {len(given)} lines")
    if not given[0].partition(":")[2]:
        raise ConfigError(f"{_WANTED}; its line has no colon, or nothing after the colon")
    return given[0].encode()


def is_permitted(authorization: str, credentials: bytes | None) -> bool:
    """Returns whether an ``Authorization`` header gives the credentials, if any are set."""
    if credentials is None:
        return True
    scheme, _, encoded = authorization.partition(" ")
    try:
        given = base64.b64decode(encoded.strip(), validate=True)
    except ValueError:  # not Base64
        return False
    return scheme.lower() == "basic" and hmac.compare_digest(given, credentials)
