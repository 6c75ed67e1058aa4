"""``spotstream chaos``: the pipeline under faults."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tools.chaos.kills import kills_in_live_runs, kills_in_lossless_runs
from tools.chaos.messages import hostile_messages
from tools.chaos.outcome import Outcome
from tools.chaos.resources import full_disk, full_shared_memory, slow_detector
from tools.chaos.sources import outages


def run_chaos(*, short: bool) -> Iterator[Outcome]:
    """Does one fault after the other and tells what came of it."""
    folder = Path(tempfile.mkdtemp(prefix="chaos-"))
    try:
        yield kills_in_lossless_runs(folder, 10 if short else 100)
        yield kills_in_live_runs(folder, 4 if short else 20)
        yield outages(folder, 2 if short else 20)
        yield hostile_messages(folder, 20_000 if short else 1_000_000)
        yield slow_detector(folder, 100 if short else 500)
        yield full_disk(folder)
        yield full_shared_memory(folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
