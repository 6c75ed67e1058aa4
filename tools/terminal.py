"""Where tables are printed."""

from __future__ import annotations

from rich.console import Console

_WIDE = 400  # characters


def wide_console() -> Console:
    """The terminal; into a file or a pipe, lines as long as they must be."""
    console = Console()
    return console if console.is_terminal else Console(width=_WIDE)
