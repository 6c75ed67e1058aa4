"""A run's progress, shown to the user."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

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

from pipeline.reports import Done, Failed, Notice, Progress, Report, StreamSummary
from pipeline.supervision.latest import Latest
from stages.wording import counted
from tools.console.line_pace import LinePace
from tools.console.terminal import is_terminal

_LINE_SECONDS = 5.0
_FORGOTTEN_SECONDS = 5.0  # streams that fail together may still report progress in between
_RATE_SECONDS = 1.0  # shorter intervals give unreliable rates
_RECENT_SECONDS = 30.0  # a mean over weeks would say nothing about a camera's current rate
_VERBS = {"decoder": "decode", "detector": "detect", "tracker": "track", "sink": "write"}


@dataclass(slots=True)
class _Bar:
    """Progress of a stream.

    Attributes:
        task: Task of its bar on the terminal.
        since: Time in seconds and frame count of a report: the first one, later one from thirty
            to sixty seconds ago.
        then: The same for the report that will replace ``since``.
        latest: The latest report.
    """

    task: TaskID
    since: tuple[float, int]
    then: tuple[float, int]
    latest: Progress

    def rate(self, now: float) -> float | None:
        """Returns recent frames per second; None if the first report is too recent."""
        if now - self.then[0] >= _RECENT_SECONDS:
            self.since, self.then = self.then, (now, self.latest.frames)
        started, before = self.since
        passed = now - started
        return (self.latest.frames - before) / passed if passed >= _RATE_SECONDS else None


@dataclass(slots=True)
class _Ended:
    """Sums over the streams that have ended."""

    streams: int = 0
    frames: int = 0
    dropped: int = 0

    def add(self, counts: Progress | StreamSummary) -> None:
        self.streams += 1
        self.frames += counts.frames
        self.dropped += counts.dropped


class ProgressView:
    """Shows bars on a terminal, and lines at their `LinePace` elsewhere.

    Bars come with each stage's rate. A line sums up all streams so far, including those that have
    ended; each stage's rate is added while only one runs.

    Args:
        console: Console to print on.
        clock: Returns the time in seconds.

    Attributes:
        failed: When the latest failures were shown, by stream. A failure is forgotten once another
            stream progresses at least five seconds later.
    """

    def __init__(self, console: Console, clock: Callable[[], float] = time.monotonic) -> None:
        self.failed: Latest[float] = Latest()
        self._reasons: Latest[str] = Latest()  # of failed streams whose results are incomplete
        self._console = console
        self._clock = clock
        self._bars = ProgressBars(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]}"),
            TimeRemainingColumn(),
        )
        self._stages = Text("starting", style="dim")
        self._live = Live(
            Group(self._bars, self._stages),
            console=console,
            transient=True,
            refresh_per_second=5,
            redirect_stdout=False,  # other output must not wait for this console
            redirect_stderr=False,
        )
        self._shown: dict[str, _Bar] = {}
        self._ended = _Ended()
        self._pace = LinePace(_LINE_SECONDS, clock())

    def __enter__(self) -> ProgressView:
        if is_terminal(self._console):
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def show(self, report: Report) -> None:
        """Shows a worker's report."""
        match report:
            case Progress():
                self._advance(report)
            case Notice():
                self._print_message(report)
            case Done():
                if report.message != self._reasons.pop(report.stream, ""):
                    self._print_message(report)
                self._ended.add(report.summary)
                self._remove(report.stream)
            # Other failures end the run, which reports them.
            case Failed() if report.stream:
                self._print_message(report)
                self.failed[report.stream] = self._clock()
                self._reasons[report.stream] = report.message
                # After any other failure, the results are completed, with more frames.
                if report.stage == "sink" and report.stream in self._shown:
                    self._ended.add(self._shown[report.stream].latest)
                    self._remove(report.stream)

    def _print_message(self, report: Notice | Done | Failed) -> None:
        if report.message:
            about = f"{report.stream}: " if report.stream else ""
            self._print_line(f"{about}{report.message}")

    def _print_line(self, line: str) -> None:
        self._console.print(Text(line), soft_wrap=True)

    def _remove(self, stream: str) -> None:
        if stream in self._shown:
            self._bars.remove_task(self._shown.pop(stream).task)

    def _advance(self, report: Progress) -> None:
        if not report.frames:
            return
        now = self._clock()
        bar = self._shown.get(report.stream)
        if bar is None or report.frames > bar.latest.frames:
            for other, at in list(self.failed.items()):
                if other != report.stream and now - at >= _FORGOTTEN_SECONDS:
                    del self.failed[other]
        if bar is None:
            task = self._bars.add_task(report.stream, total=report.total, rate="")
            first = now, report.frames
            bar = self._shown[report.stream] = _Bar(task, first, first, report)
        bar.latest = report
        rate = _rate_and_drops([bar], report.dropped, now)
        self._bars.update(bar.task, completed=report.frames, rate=rate)
        self._stages.plain = stage_rates(report.work_ms)
        if not is_terminal(self._console) and self._pace.is_due(now):
            self._print_line(self._summary(now))

    def _summary(self, now: float) -> str:
        bars, ended = list(self._shown.values()), self._ended
        reports = [bar.latest for bar in bars]
        frames = ended.frames + sum(report.frames for report in reports)
        counts = counted(frames, "frame")
        totals = [report.total for report in reports if report.total]
        if len(totals) == len(reports):
            counts = f"{frames} of {counted(ended.frames + sum(totals), 'frame')}"
        dropped = ended.dropped + sum(report.dropped for report in reports)
        rate = _rate_and_drops(bars, dropped, now)
        who, stages = counted(len(bars) + ended.streams, "stream"), ""
        if ended.streams:
            who += f", {ended.streams} ended"
        elif len(bars) == 1:
            who = reports[0].stream
        if len(bars) == 1:
            stages = f"; {stage_rates(reports[0].work_ms)}"
        return f"{who}: {counts}{rate and f', {rate}'}{stages}"


def _rate_and_drops(bars: Sequence[_Bar], dropped: int, now: float) -> str:
    """Returns the summed frame rate of the bars' streams, and the number of drops."""
    rates = [rate for bar in bars if (rate := bar.rate(now)) is not None]
    parts = [f"{sum(rates):.1f} fps"] if rates else []
    return ", ".join([*parts, f"{dropped} dropped"] if dropped else parts)


def stage_rates(work_ms: Mapping[str, float]) -> str:
    """Returns the frames per second that each stage would reach without waiting for the others."""
    rates = [
        f"{verb} {_rounded(1000 / max(work_ms[stage], 1e-3))}"
        for stage, verb in _VERBS.items()
        if stage in work_ms
    ]
    return f"each stage alone: {', '.join(rates)} fps"


def _rounded(per_second: float) -> str:
    return f"{per_second:.1f}" if per_second < 9.95 else f"{per_second:.0f}"
