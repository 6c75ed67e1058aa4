"""``spotstream run``."""

from __future__ import annotations

import importlib.metadata
import sys
import time
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from pipeline.config import load_config
from pipeline.plan import Status
from pipeline.supervisor import RunResult, Supervisor
from stages.decoder.sources import DEMO, expand_sources
from tools.demo import score_demo

_LINE_SECONDS = 5.0


def run_pipeline(
    sources: list[str],
    output: Path,
    config_path: Path | None,
    overrides: list[str],
    overwrite: bool,
    debug: bool,
) -> int:
    """Runs the pipeline, shows its progress and a table at the end; returns the exit status."""
    config = load_config(config_path, overrides)
    specs = expand_sources(sources or [DEMO])
    about = {
        "versions": {
            name: importlib.metadata.version(name)
            for name in ("spotstream", "torch", "av", "opencv-python", "numpy", "pyzmq")
        },
        "debug": debug,
    }
    console = Console(stderr=True)
    with ProgressView(console) as view:
        supervisor = Supervisor(specs, config, output, about, view.show)
        supervisor.prepare(overwrite=overwrite)
        started = time.monotonic()
        result = supervisor.run()
    _print_table(result, time.monotonic() - started)
    if not sources and result.exit_code == 0:
        score = score_demo(output / DEMO)
        print(
            f"against the scene's {score.vehicles} vehicles: MOTA {score.mota:.3f}, "
            f"IDF1 {score.idf1:.3f}; look at {output / DEMO / 'overlay.mp4'}"
        )
    for name, message in result.failed.items():
        print(f"spotstream: {name}: {message}", file=sys.stderr)
    return result.exit_code


class ProgressView:
    """Bars on a terminal; a line every five seconds elsewhere."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._bars = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]:.1f} fps"),
            TimeRemainingColumn(),
            console=console,
            transient=True,
        )
        self._tasks: dict[str, tuple[int, float]] = {}
        self._last_line = time.monotonic()

    def __enter__(self) -> ProgressView:
        if self._console.is_terminal:
            self._bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bars.stop()

    def show(self, status: Status) -> None:
        """Takes a worker's report."""
        if status.kind == "done" and status.message:
            self._console.print(f"{status.stream}: {status.message}", highlight=False)
        if status.kind != "progress":
            return
        now = time.monotonic()
        if status.stream not in self._tasks:
            task = self._bars.add_task(status.stream, total=status.total, rate=0.0)
            self._tasks[status.stream] = (int(task), now)
        task_id, started = self._tasks[status.stream]
        rate = status.frames / max(now - started, 0.2)
        self._bars.update(task_id, completed=status.frames, rate=rate)  # type: ignore[arg-type]
        if not self._console.is_terminal and now - self._last_line >= _LINE_SECONDS:
            self._last_line = now
            of = f" of {status.total}" if status.total else ""
            line = f"{status.stream}: {status.frames}{of} frames, {rate:.1f} fps"
            self._console.print(line, highlight=False)


def _print_table(result: RunResult, seconds: float) -> None:
    console = Console()
    if result.skipped:
        print(f"{len(result.skipped)} finished sequences skipped")
    if not result.finished:
        return
    table = Table("stream", "frames", "tracks", "dropped", "status", "results")
    for name, summary in result.finished.items():
        cells = (summary[key] for key in ("frames", "tracks", "dropped", "status", "folder"))
        table.add_row(name, *(str(cell) for cell in cells))
    console.print(table)
    frames = sum(summary["frames"] for summary in result.finished.values())
    print(f"{frames} frames in {seconds:.1f} s: {frames / seconds:.1f} frames/s, start included")
