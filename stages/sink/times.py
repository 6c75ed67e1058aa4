"""When frames were: a camera's when they were captured, others where they are in the video."""

from __future__ import annotations

from datetime import UTC, datetime

from stages.records import FrameHeader


def utc_time(ns: int) -> str:
    """A time in ns since the epoch as ISO 8601 in UTC: ``2026-05-04T10:00:00.120+00:00``."""
    return datetime.fromtimestamp(ns / 1e9, UTC).isoformat(timespec="milliseconds")


def time_of(frame: FrameHeader, *, live: bool) -> str:
    """The frame's time in text results.

    Args:
        frame: The frame.
        live: It is the time of capture, see `utc_time`; otherwise seconds since the source's
            beginning.
    """
    return utc_time(frame.captured_ns) if live else f"{frame.seconds:.3f}"
