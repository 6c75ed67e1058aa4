"""The errors a user can cause, each one line that names the thing and what to do."""

from __future__ import annotations


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
    """Results cannot be written (disk full, no permission)."""

    exit_code = 4


def in_one_line(error: BaseException) -> str:
    """What happened; of an error that is not ours, its kind as well."""
    return str(error) if isinstance(error, SpotStreamError) else f"{type(error).__name__}: {error}"


def reason_of(error: Exception) -> str:
    """Why a file could not be read or written, to go on with in a line."""
    return (getattr(error, "strerror", None) or str(error)).lower()
