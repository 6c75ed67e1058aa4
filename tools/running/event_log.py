"""A run's events as JSON lines."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from msgspec.structs import asdict

from pipeline.logs import json_line
from pipeline.reports import Crashed, Done, Failed, Notice, Progress, Ready, Report
from stages.errors import SpotStreamError
from tools.console.line_pace import LinePace

_PROGRESS_SECONDS = 10.0


class EventLog:
    """Logs each significant event, and the progress of each stream at its `LinePace`.

    Args:
        clock: Returns the time in seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._paces: dict[str, LinePace] = {}  # by stream

    def show(self, report: Report) -> None:
        """Logs a worker's report."""
        match report:
            case Ready():
                _write("info", _fields(report))
            case Progress() if self._is_due(report.stream):
                counts = {"frames": report.frames, "dropped": report.dropped}
                _write("info", _fields(report) | counts | {"work_ms": report.work_ms})
            case Notice():
                _write("warning", _fields(report, report.message) | {"event": report.event})
            case Done():
                self._paces.pop(report.stream, None)
                _write("info", _fields(report, report.message) | asdict(report.summary))
            case Failed() | Crashed():
                self._paces.pop(report.stream, None)
                _write("error", _fields(report, report.message))

    def _is_due(self, stream: str) -> bool:
        now = self._clock()
        if stream in self._paces:
            return self._paces[stream].is_due(now)
        self._paces[stream] = LinePace(_PROGRESS_SECONDS, now)
        return True


def log_start(output: Path) -> None:
    """Logs the start of a run that writes into the folder ``output``."""
    from importlib.metadata import version  # imported here because it is slow

    run = {"version": version("spotstream"), "pid": os.getpid(), "output": str(output.absolute())}
    _write("info", {"event": "start", **run})


def log_error(error: SpotStreamError) -> None:
    """Logs the error that ended the run or kept it from starting."""
    _write("error", {"event": "error", "message": str(error)})


def _fields(report: Report, message: str = "") -> dict[str, object]:
    fields: dict[str, object] = {"event": report.kind, "stage": report.stage}
    if report.stage == "detector":
        fields["worker"] = report.worker + 1
    if report.stream:
        fields["stream"] = report.stream
    if message:
        fields["message"] = message
    return fields


def _write(level: str, fields: Mapping[str, object]) -> None:
    print(json_line(level, fields, time.time()), file=sys.stderr, flush=True)
