"""The errors a user can cause, each one line that names the problem and the remedy."""

from __future__ import annotations

import os
import sys


class SpotStreamError(Exception):
    """Base of all errors shown to the user as one line; `exit_code` is the process's status."""

    exit_code = 1


class ConfigError(SpotStreamError):
    """A setting, an argument or a file given as one is wrong; nothing was started."""

    exit_code = 2


class SourceError(SpotStreamError):
    """A source cannot be opened or read."""

    exit_code = 3


class OutputError(SpotStreamError):
    """Results cannot be written (disk full, no permission).

    Attributes:
        errno: The operating system's number of the reason, 0 for another reason.
    """

    exit_code = 4
    errno = 0


def in_one_line(error: BaseException) -> str:
    """The error's message, after its type where it is not one of ours."""
    return str(error) if isinstance(error, SpotStreamError) else f"{type(error).__name__}: {error}"


def reason_of(error: Exception) -> str:
    """Why a file could not be read or written, in lower case, to end a message with."""
    if isinstance(error, UnicodeDecodeError):
        return "not a text file"
    return (getattr(error, "strerror", None) or str(error)).lower()


def unreadable_name(name: str) -> str:
    """Why a file's name, or an address with one, is not text, and what to do; "" if it is."""
    try:
        name.encode()
    except UnicodeEncodeError:  # Python decodes bytes that are not in the encoding to surrogates
        try:
            shown = os.fsencode(name).decode(errors="backslashreplace")
        except UnicodeEncodeError:  # surrogates that stand for no byte, as JSON may hold
            return f"{name!a} is not text"
        encoding = sys.getfilesystemencoding()
        if encoding != "utf-8":
            return f"the name of {shown} is not in {encoding}, as the locale is; set PYTHONUTF8=1"
        return f"the name of {shown} is not UTF-8; rename it"
    return ""
