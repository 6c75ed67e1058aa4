"""A run's events as JSON lines."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Mapping

from msgspec.structs import asdict

from pipeline.logs import json_line
from pipeline.reports import Crashed, Done, Failed, Notice, Progress, Ready, Report
from stages.errors import SpotStreamError

_PROGRESS_SECONDS = 10.0


class EventLog:
    """Logs each significant event, and the progress of each stream every ten seconds."""

    def __init__(self) -> None:
        self._told: dict[str, float] = {}  # time of the last progress, by stream

    def show(self, report: Report) -> None:
        """Logs a worker's report."""
        match report:
            case Ready():
                _write("info", _fields(report))
            case Progress() if self._is_due(report.stream):
                counts = {"frames": report.frames, "dropped": report.dropped}
                _write("info", _fields(report) | counts | {"work_ms": report.work_ms})
            case Notice():
                _write("warning", _fields(report, report.message))
            case Done():
                self._told.pop(report.stream, None)
                _write("info", _fields(report, report.message) | asdict(report.summary))
            case Failed() | Crashed():
                self._told.pop(report.stream, None)
                _write("error", _fields(report, report.message))

    def _is_due(self, stream: str) -> bool:
        now = time.monotonic()
        if now - self._told.get(stream, -math.inf) < _PROGRESS_SECONDS:
            return False
        self._told[stream] = now
        return True


def log_error(error: SpotStreamError) -> None:
    """Logs the error that ended the run or kept it from starting."""
    _write("error", {"event": "error", "message": str(error)})


def _fields(report: Report, message: str = "") -> dict[str, object]:
    fields: dict[str, object] = {"event": report.kind, "stage": report.stage}
    if report.stream:
        fields["stream"] = report.stream
    if message:
        fields["message"] = message
    return fields


def _write(level: str, fields: Mapping[str, object]) -> None:
    print(json_line(level, fields, time.time()), file=sys.stderr, flush=True)
