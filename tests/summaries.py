"""Summaries of streams that have ended."""

from typing import Any

from pipeline.reports import StreamSummary
from stages.result_files import StreamStatus


def summary(
    frames: int = 0, status: StreamStatus = StreamStatus.COMPLETE, **given: Any
) -> StreamSummary:
    """The summary of a stream without tracks, drops, rate and files unless told."""
    rest = {"tracks": 0, "dropped": 0, "behind": 0, "fps": None, "folder": "out", "files": ()}
    return StreamSummary(frames=frames, status=status, **rest | given)
