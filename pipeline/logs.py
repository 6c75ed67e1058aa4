"""The log of a process: lines for people, or JSON for machines."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Mapping
from datetime import UTC, datetime


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


def json_line(level: str, fields: Mapping[str, object], created: float) -> str:
    """Returns the JSON line of an event at ``created``, seconds since the epoch."""
    time = datetime.fromtimestamp(created, UTC).isoformat(timespec="milliseconds")
    return json.dumps({"time": time, "level": level, **fields}, ensure_ascii=False, default=str)


def set_up_logging(stage: str, *, as_json: bool) -> None:
    """Sends the log of this process to standard error."""
    handler = logging.StreamHandler(sys.stderr)
    formatter = logging.Formatter(f"{stage}: %(message)s")
    handler.setFormatter(JsonFormatter(stage) if as_json else formatter)
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
