"""Errors that a user can cause: each message is one line with the problem and the remedy."""

from __future__ import annotations

import os
import sys


class SpotStreamError(Exception):
    """Base class of the errors shown to the user as one line; `exit_code` is the exit status."""

    exit_code = 1


class ConfigError(SpotStreamError):
    """A setting, an argument, or a file given as one, is wrong; nothing was started."""

    exit_code = 2


class SourceError(SpotStreamError):
    """A source cannot be opened or read."""

    exit_code = 3


class OutputError(SpotStreamError):
    """Results cannot be written (disk full, no permission).

    Attributes:
        errno: The operating system's error number; 0 for other errors.
    """

    exit_code = 4
    errno = 0


def in_one_line(error: BaseException) -> str:
    """Returns the error's message, preceded by its type if it is not a `SpotStreamError`."""
    if isinstance(error, SpotStreamError):
        return str(error)
    return " ".join(f"{type(error).__name__}: {error}".split())


def reason_of(error: Exception) -> str:
    """Returns why a file could not be read or written, in lower case, as the end of a message."""
    if isinstance(error, UnicodeDecodeError):
        return "not a text file"
    return (getattr(error, "strerror", None) or str(error)).lower()


def unreadable_name(name: str) -> str:
    """Returns why a file name, or an address with one, is not valid text, and a remedy, or ""."""
    try:
        name.encode()
    except UnicodeEncodeError:  # Python decodes bytes that are invalid in an encoding as surrogates
        try:
            shown = os.fsencode(name).decode(errors="backslashreplace")
        except UnicodeEncodeError:  # surrogates that stand for no byte, which JSON can contain
            return f"{name!a} is not text"
        encoding = sys.getfilesystemencoding()
        if encoding != "utf-8":
            return f"the name of {shown} is not in {encoding}, as the locale is; set PYTHONUTF8=1"
        return f"the name of {shown} is not UTF-8; rename it"
    return ""
