"""The file of ``spotstream run --sources``."""

from __future__ import annotations

import re
from pathlib import Path

from stages.decoder.locations import expand_sources, split_name
from stages.errors import ConfigError, SourceError, reason_of

_CREDENTIALS = re.compile(r"\S*@")


def read_sources(file: Path, *, may_be_empty: bool) -> list[str]:
    """Returns the sources in a file, one per line, as ``--source`` takes them.

    Empty lines and those that begin with ``#`` are left out.

    Args:
        file: The file.
        may_be_empty: Whether it may have no source, since streams may be added later.

    Raises:
        ConfigError: The file cannot be read, or has no source.
        SourceError: A source is refused. The message names the line, and contains no password even
            if the URL is malformed.
    """
    try:
        lines = file.read_text("utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot read {file}: {reason_of(error)}") from error
    sources = []
    names: set[str] = set()
    for number, line in enumerate(map(str.strip, lines), 1):
        if not line or line.startswith("#"):
            continue
        try:
            expand_sources([line], names)
        except SourceError as error:
            shown = _CREDENTIALS.sub("", str(error))
            raise SourceError(f"{file}:{number}: {shown}") from None
        sources.append(line)
        names.add(split_name(line)[0])
    if not sources and not may_be_empty:
        raise ConfigError(f"{file} names no source")
    return sources
