"""How a run goes, for the person who waits."""

from __future__ import annotations

import time
from collections.abc import Mapping

from rich.console import Console, Group
from rich.live import Live
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from pipeline.plan import Status

_LINE_SECONDS = 5.0
_VERBS = {"decoder": "decode", "detector": "detect", "tracker": "track", "sink": "write"}


class ProgressView:
    """Bars on a terminal, a line every five seconds elsewhere; both with each stage's rate.

    Attributes:
        failed: Streams whose failure was told.
    """

    def __init__(self, console: Console) -> None:
        self.failed: set[str] = set()
        self._console = console
        self._bars = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]:.1f} fps"),
            TimeRemainingColumn(),
        )
        self._stages = Text("starting", style="dim")
        self._live = Live(
            Group(self._bars, self._stages), console=console, transient=True, refresh_per_second=5
        )
        self._tasks: dict[str, tuple[TaskID, float]] = {}
        self._last_line = time.monotonic()

    def __enter__(self) -> ProgressView:
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def show(self, status: Status) -> None:
        """Takes a worker's report."""
        # Another stage's failure ends the run, which says so itself.
        lost = status.kind == "failed" and status.stage == "decoder"
        if status.message and (lost or status.kind in ("done", "notice")):
            about = f"{status.stream}: " if status.stream else ""
            self._console.print(f"{about}{status.message}", highlight=False, soft_wrap=True)
        if lost:
            self.failed.add(status.stream)
        if (lost or status.kind == "done") and status.stream in self._tasks:
            self._bars.remove_task(self._tasks.pop(status.stream)[0])
        elif status.kind == "progress" and status.stage == "sink":
            self._advance(status)

    def _advance(self, status: Status) -> None:
        if not status.frames:
            return
        now = time.monotonic()
        if status.stream not in self._tasks:
            task = self._bars.add_task(status.stream, total=status.total, rate=0.0)
            self._tasks[status.stream] = task, now
        task, started = self._tasks[status.stream]
        rate = status.frames / max(now - started, 0.2)
        self._bars.update(task, completed=status.frames, rate=rate)
        self._stages.plain = stage_rates(status.work_ms)
        if not self._console.is_terminal and now - self._last_line >= _LINE_SECONDS:
            self._last_line = now
            of = f" of {status.total}" if status.total else ""
            self._console.print(
                f"{status.stream}: {status.frames}{of} frames, {rate:.1f} fps; "
                f"{stage_rates(status.work_ms)}",
                highlight=False,
                soft_wrap=True,
            )


def stage_rates(work_ms: Mapping[str, float]) -> str:
    """The frames per second that each stage could do if it had not to wait for the others."""
    rates = [
        f"{verb} {1000 / max(work_ms[stage], 1e-3):.0f}"
        for stage, verb in _VERBS.items()
        if stage in work_ms
    ]
    return f"each stage alone: {', '.join(rates)} fps"
