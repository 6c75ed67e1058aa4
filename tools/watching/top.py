"""``spotstream top`` and ``spotstream stream list``: a running pipeline's state on the terminal."""

from __future__ import annotations

import time

from rich.console import Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from pipeline.supervision.commands import RunEndedError, describe
from pipeline.supervision.overview import Overview
from pipeline.supervision.runtime_folder import RunInfo
from stages.wording import counted
from tools.console.terminal import is_terminal, wide_console

_SOURCES_FROM = 100  # minimum terminal width, in characters, for the source column
_STYLES = {
    "ready": "green",
    "running": "green",
    "silent": "red",
    "failed": "red",
    "waiting": "yellow",
}


def show_top(run: RunInfo, seconds: float, *, once: bool) -> None:
    """Shows a pipeline, updated every ``seconds`` until it ends or Ctrl-C.

    Raises:
        RunEndedError: The pipeline has ended before it could be shown.
        SpotStreamError: It does not answer.
    """
    console = wide_console()
    view = render(describe(run), console.width)
    if once or not is_terminal(console):
        console.print(view)
        return
    try:
        with Live(view, console=console, screen=True, auto_refresh=False) as live:
            while True:
                time.sleep(seconds)
                live.update(render(describe(run), console.width), refresh=True)
    except RunEndedError as ended:
        console.print(str(ended), highlight=False)


def render(overview: Overview, width: int) -> Group:
    """Returns streams and processes as tables at most ``width`` characters wide."""
    title = Text(
        f"spotstream {overview.pid}, {_duration(overview.seconds)}, writes to {overview.output}"
    )
    return Group(title, "", streams(overview, width), "", _process_table(overview))


def streams(overview: Overview, width: int) -> Group:
    """Returns the table of streams, followed by the errors of failed ones and other faults."""
    lines = [
        Text(f"{stream.name} failed: {stream.error}", style="red")
        for stream in overview.streams
        if stream.error
    ]
    for stream in overview.streams:
        if stream.not_received:
            owed = counted(stream.not_received, "frame")
            lines.append(Text(f"{stream.name} did not receive {owed}", "yellow"))
        faults = ["is stuck"] if stream.overlay_is_stuck else []
        if count := stream.left_out_of_overlay:
            faults.append(f"lacks {counted(count, 'frame')}")
        if stream.overlay_is_unsent:
            faults.append("does not reach its server")
        if faults:
            lines.append(Text(f"the overlay of {stream.name} {' and '.join(faults)}", "yellow"))
        if stream.recording_is_stuck:
            lines.append(Text(f"the recording of {stream.name} is stuck", "yellow"))
    return Group(stream_table(overview, width), *([""] if lines else []), *lines)


def stream_table(overview: Overview, width: int) -> Table:
    """Returns a row per stream; name and source are shortened to fit, numbers never."""
    table = _table("stream", "state", "frames", "fps", "p50 ms", "p95", "p99", "drops", "reconn.")
    table.columns[0].no_wrap = False  # the column that shrinks
    sources = width >= _SOURCES_FROM
    if sources:
        table.add_column("source")
    for stream in overview.streams:
        latency = [f"{ms:.0f}" for ms in stream.latency_ms] or ["", "", ""]
        table.add_row(
            _cut(stream.name),
            _styled(stream.state),
            str(stream.frames),
            f"{stream.fps:.1f}",
            *latency,
            str(stream.dropped),
            str(stream.reconnects),
            *([_cut(stream.source)] if sources else []),
        )
    return table


def _process_table(overview: Overview) -> Table:
    table = _table("process", "state", "pid", "restarts")
    for process in overview.processes:
        pid = str(process.pid or "")
        table.add_row(process.name, _styled(process.state), pid, str(process.restarts))
    return table


def _table(*columns: str) -> Table:
    table = Table(box=None, header_style="bold", padding=(0, 2, 0, 0))
    for number, column in enumerate(columns):
        table.add_column(column, justify="left" if number < 2 else "right", no_wrap=True)
    return table


def _cut(text: str) -> Text:
    return Text(text, no_wrap=True, overflow="ellipsis")


def _styled(state: str) -> Text:
    return Text(state, style=_STYLES.get(state, ""))


def _duration(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}"
