"""The log of a process: lines for people, or JSON for machines."""

from __future__ import annotations

import contextlib
import json
import logging
import os
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import partial

from pipeline.background_queue import BackgroundQueue
from stages.errors import in_one_line
from stages.wording import counted

_STANDARD_ERROR = 2
_END_SECONDS = 1.0


class JsonFormatter(logging.Formatter):
    """Formats a record as a line of JSON: time (UTC), level, event ``log``, stage, and message."""

    def __init__(self, stage: str) -> None:
        super().__init__()
        self._stage = stage

    def format(self, record: logging.LogRecord) -> str:
        """See `logging.Formatter`."""
        fields = {"event": "log", "stage": self._stage, "message": record.getMessage()}
        if record.exc_info:
            fields["traceback"] = self.formatException(record.exc_info)
        return json_line(record.levelname.lower(), fields, record.created)


class _StandardError(logging.Handler):
    """Writes lines to standard error without blocking the process when nobody reads them."""

    def __init__(self) -> None:
        super().__init__()
        self._background = BackgroundQueue(self._report_lost)

    def emit(self, record: logging.LogRecord) -> None:
        try:
            line = self.format(record)
        except Exception as error:  # such as arguments that do not fit the message
            location = f"{record.pathname}:{record.lineno}"
            why = in_one_line(error)
            line = self._warning(f"a message of {location} cannot be formatted: {why}")
        self._background.do(partial(_write, line))

    def close(self) -> None:
        self._background.end(_END_SECONDS)
        super().close()

    def _report_lost(self, count: int) -> None:
        _write(self._warning(f"lost {counted(count, 'message')}, because nobody read them"))

    def _warning(self, message: str) -> str:
        fields = {"name": __name__, "levelno": logging.WARNING, "levelname": "WARNING"}
        return self.format(logging.makeLogRecord(fields | {"msg": message}))


def _write(line: str) -> None:
    # Not through a file object: a thread blocked in one keeps the interpreter from exiting.
    with contextlib.suppress(OSError):  # the disk is full, or the reader is gone
        os.write(_STANDARD_ERROR, f"{line}\n".encode(errors="backslashreplace"))


def json_line(level: str, fields: Mapping[str, object], created: float) -> str:
    """Returns the JSON line of an event at ``created``, seconds since the epoch."""
    time = datetime.fromtimestamp(created, UTC).isoformat(timespec="milliseconds")
    return json.dumps({"time": time, "level": level, **fields}, ensure_ascii=False, default=str)


def set_up_logging(stage: str, *, as_json: bool) -> None:
    """Sends the log of this process to standard error without ever blocking on its reader."""
    handler = _StandardError()
    formatter = logging.Formatter(f"{stage}: %(message)s")
    handler.setFormatter(JsonFormatter(stage) if as_json else formatter)
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
