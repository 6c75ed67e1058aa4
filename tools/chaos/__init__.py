"""``spotstream chaos``: the pipeline under faults."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tools.chaos import faults
from tools.chaos.faults import Outcome
from tools.harness.rtsp import available


def run_chaos(*, short: bool) -> Iterator[Outcome]:
    """Does one fault after the other and tells what came of it."""
    folder = Path(tempfile.mkdtemp(prefix="chaos-"))
    try:
        yield faults.kills_in_lossless_runs(folder, 10 if short else 100)
        yield faults.kills_in_live_runs(folder, 4 if short else 20)
        if available():
            yield faults.outages(folder, 2 if short else 20)
        else:
            yield Outcome("RTSP outage", 0, "GStreamer's RTSP server is not here", None)
        yield faults.hostile_messages(folder, 20_000 if short else 1_000_000)
        yield faults.slow_detector(folder, 100 if short else 500)
        yield faults.full_disk(folder)
        yield faults.full_shared_memory(folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
