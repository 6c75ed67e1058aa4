"""When the frames of a live stream were captured: ``frame,time``."""

from __future__ import annotations

from datetime import UTC, datetime

from stages.records import FrameHeader


def utc_time(ns: int) -> str:
    """A time in ns since the epoch as ISO 8601 in UTC: ``2026-05-04T10:00:00.120+00:00``."""
    return datetime.fromtimestamp(ns / 1e9, UTC).isoformat(timespec="milliseconds")


def time_row(frame: FrameHeader, number: int) -> str:
    """The row of one frame, ended by a newline: its 1-based ``number``, when it was captured."""
    return f"{number},{utc_time(frame.captured_ns)}\n"
