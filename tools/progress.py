"""How a run goes, for the person who waits."""

from __future__ import annotations

import time
from collections.abc import Mapping

from rich.console import Console, Group
from rich.live import Live
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)
from rich.progress import Progress as ProgressBars
from rich.text import Text

from pipeline.reports import Done, Failed, Notice, Progress, Report

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
        self._bars = ProgressBars(
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

    def show(self, report: Report) -> None:
        """Takes a worker's report."""
        match report:
            case Progress():
                self._advance(report)
            case Notice():
                self._tell(report)
            case Done():
                self._tell(report)
                self._remove(report.stream)
            case Failed(stage="decoder"):  # another stage's ends the run, which says so itself
                self._tell(report)
                self.failed.add(report.stream)
                self._remove(report.stream)

    def _tell(self, report: Notice | Done | Failed) -> None:
        if report.message:
            about = f"{report.stream}: " if report.stream else ""
            self._console.print(f"{about}{report.message}", highlight=False, soft_wrap=True)

    def _remove(self, stream: str) -> None:
        if stream in self._tasks:
            self._bars.remove_task(self._tasks.pop(stream)[0])

    def _advance(self, report: Progress) -> None:
        if not report.frames:
            return
        now = time.monotonic()
        if report.stream not in self._tasks:
            task = self._bars.add_task(report.stream, total=report.total, rate=0.0)
            self._tasks[report.stream] = task, now
        task, started = self._tasks[report.stream]
        rate = report.frames / max(now - started, 0.2)
        self._bars.update(task, completed=report.frames, rate=rate)
        self._stages.plain = stage_rates(report.work_ms)
        if not self._console.is_terminal and now - self._last_line >= _LINE_SECONDS:
            self._last_line = now
            of = f" of {report.total}" if report.total else ""
            self._console.print(
                f"{report.stream}: {report.frames}{of} frames, {rate:.1f} fps; "
                f"{stage_rates(report.work_ms)}",
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
