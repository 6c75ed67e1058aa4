"""What commands show beside their results: wide tables, and the current activity."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import typer
from rich.console import Console
from rich.progress import Progress, ProgressColumn
from rich.text import Text

_WIDE = 400  # characters
_COUNT = re.compile(r"\d+(?= of \d| \w+ tried$)")
_COUNT_SECONDS = 5.0


def is_terminal(console: Console) -> bool:
    """Returns whether a console is a terminal; FORCE_COLOR makes Rich take any file for one."""
    return console.is_terminal and console.file.isatty()


def wide_console() -> Console:
    """Returns the terminal's console; for a file or a pipe, one wide enough not to wrap tables.

    Brackets and colons in names of files and sequences are no markup and no emoji.
    """
    console = Console(markup=False, emoji=False)
    if not is_terminal(console):
        console.width = _WIDE
    return console


def progress_bar(*columns: ProgressColumn) -> Progress:
    """Returns a bar on standard error that vanishes at the end; none for a file or a pipe."""
    console = Console(stderr=True)
    return Progress(*columns, console=console, transient=True, disable=not is_terminal(console))


@contextmanager
def activity(
    first: str, clock: Callable[[], float] = time.monotonic
) -> Iterator[Callable[[str], None]]:
    """Shows what a command is doing on standard error; gives a function that shows what is next.

    A terminal shows it in place. A file or a pipe gets a line for each; while only a count grows,
    as in ``image 3 of 90``, one every five seconds.

    Args:
        first: What it is doing first; not for a file or a pipe.
        clock: Time in seconds.
    """
    console = Console(stderr=True)
    if is_terminal(console):
        with console.status(first) as status:
            yield lambda what: status.update(Text(what))
        return
    last, written = "", 0.0

    def write(what: str) -> None:
        nonlocal last, written
        before, last = last, _COUNT.sub("", what)
        if last != before or clock() - written >= _COUNT_SECONDS:
            written = clock()
            typer.echo(what, err=True)

    yield write
