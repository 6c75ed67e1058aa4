"""How commands show wide tables, progress and their current activity."""

from __future__ import annotations

import re
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from tools.console.line_pace import LinePace

_WIDE = 400  # characters
_COUNT = re.compile(r"\d+(?= of \d| \w+ tried$)")
_SILENT_SECONDS = 30.0


def is_terminal(console: Console) -> bool:
    """Returns whether a console is a terminal; with FORCE_COLOR, Rich treats any file as one."""
    return console.is_terminal and console.file.isatty()


def wide_console() -> Console:
    """Returns the terminal's console; for a file or a pipe, one wide enough not to wrap tables.

    Brackets and colons in names of files and sequences are not read as markup or emoji.
    """
    console = Console(markup=False, emoji=False)
    if not is_terminal(console):
        console.width = _WIDE
    return console


@contextmanager
def progress_bar() -> Iterator[Progress]:
    """Shows a bar for each task on standard error; a file or a pipe gets lines with the counts."""
    console = Console(stderr=True)
    shown = is_terminal(console)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    bar = Progress(*columns, console=console, transient=True, disable=not shown)
    with bar if shown else _repeated(lambda: ", ".join(map(_count, bar.tasks))):
        yield bar


def _count(task: Task) -> str:
    total = "" if task.total is None else f" of {task.total:.0f}"
    return f"{task.description}: {task.completed:.0f}{total}"


@contextmanager
def activity(first: str) -> Iterator[Callable[[str], None]]:
    """Shows a command's current activity on standard error; yields a function that updates it.

    A terminal shows it in place. A file or a pipe gets a line for each activity, but not while only
    a count grows, as in ``image 3 of 90``; a line is repeated while an activity lasts.

    Args:
        first: The first activity; a file or a pipe gets a line for it only if it lasts.
    """
    console = Console(stderr=True)
    if is_terminal(console):
        with console.status(first) as status:
            yield lambda what: status.update(Text(what))
        return
    latest = first

    def write(what: str) -> None:
        nonlocal latest
        before, latest = latest, what
        if _COUNT.sub("", what) != _COUNT.sub("", before):
            typer.echo(what, err=True)

    with _repeated(lambda: latest):
        yield write


@contextmanager
def _repeated(what: Callable[[], str]) -> Iterator[None]:
    """Prints the current activity on standard error every half minute, later more rarely."""
    start, over = time.monotonic(), threading.Event()
    pace = LinePace(_SILENT_SECONDS, start)

    def repeat() -> None:
        signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())  # left to the main thread
        while not over.wait(_SILENT_SECONDS):
            now = time.monotonic()
            if pace.is_due(now):
                typer.echo(f"after {now - start:.0f} s: {what()}", err=True)

    threading.Thread(target=repeat, daemon=True).start()
    try:
        yield
    finally:
        over.set()  # without a join, since a terminal or a reader may accept nothing
