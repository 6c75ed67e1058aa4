"""Times of frames in the results: capture time for cameras, otherwise position in the video."""

from __future__ import annotations

from datetime import UTC, datetime

from stages.records import FrameHeader


def utc_time(ns: int) -> str:
    """Returns ns since the Unix epoch as ISO 8601 in UTC: ``2026-05-04T10:00:00.120+00:00``."""
    return datetime.fromtimestamp(ns / 1e9, UTC).isoformat(timespec="milliseconds")


def shown_utc_time(ns: int) -> str:
    """Returns `utc_time` in a form that is easier to read: ``2026-05-04 10:00:00.120 UTC``."""
    return utc_time(ns).replace("T", " ").replace("+00:00", " UTC")


def time_of(frame: FrameHeader, *, live: bool) -> str:
    """Returns the frame's time for text results.

    Args:
        frame: The frame.
        live: Return the capture time, see `utc_time`, instead of the seconds since the source's
            beginning.
    """
    return utc_time(frame.captured_ns) if live else f"{frame.seconds:.3f}"
