"""Summaries of ended streams."""

from typing import Any

from pipeline.reports import StreamSummary
from stages.result_files import StreamStatus


def summary(
    frames: int = 0, status: StreamStatus = StreamStatus.COMPLETE, **given: Any
) -> StreamSummary:
    """Returns a summary, without tracks, drops, a rate and files unless they are given."""
    rest = {"tracks": 0, "dropped": 0, "behind": 0, "fps": None, "folder": "out", "files": ()}
    return StreamSummary(frames=frames, status=status, **rest | given)
