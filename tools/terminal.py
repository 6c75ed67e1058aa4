"""The console that tables are printed on."""

from __future__ import annotations

from rich.console import Console

_WIDE = 400  # characters


def wide_console() -> Console:
    """Returns the terminal's console; for a file or a pipe, one wide enough not to wrap tables."""
    console = Console()
    return console if console.is_terminal else Console(width=_WIDE)
