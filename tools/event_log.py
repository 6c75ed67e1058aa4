"""How a run goes, as lines of JSON."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping

from pipeline.logs import json_line
from pipeline.plan import Status
from stages.errors import SpotStreamError

_PROGRESS_SECONDS = 10.0


class EventLog:
    """Writes each event worth knowing, and the progress of each stream every ten seconds."""

    def __init__(self) -> None:
        self._progress: dict[str, float] = {}

    def __enter__(self) -> EventLog:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing is left to be done."""

    def show(self, status: Status) -> None:
        """Takes a worker's report."""
        now = time.monotonic()
        fields: dict[str, object] = {"event": status.kind, "stage": status.stage}
        if status.stream:
            fields["stream"] = status.stream
        if status.message:
            fields["message"] = status.message
        match status.kind:
            case "alive" | "busy" | "completing":
                return
            case "progress":
                if status.stage != "sink":
                    return
                if now - self._progress.get(status.stream, -_PROGRESS_SECONDS) < _PROGRESS_SECONDS:
                    return
                self._progress[status.stream] = now
                fields |= {"frames": status.frames, "work_ms": status.work_ms}
            case "done":
                self._progress.pop(status.stream, None)
                fields |= status.summary
            case _:
                pass
        level = {"notice": "warning", "failed": "error", "crashed": "error"}.get(
            status.kind, "info"
        )
        _write(level, fields)


def log_error(error: SpotStreamError) -> None:
    """Writes what ended the run, or kept it from beginning."""
    _write("error", {"event": "error", "message": str(error)})


def _write(level: str, fields: Mapping[str, object]) -> None:
    print(json_line(level, fields, time.time()), file=sys.stderr, flush=True)
