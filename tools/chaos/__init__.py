"""``spotstream chaos``: the pipeline under faults."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import TypeAlias

from stages.errors import SpotStreamError
from tools.chaos.kills import kills_in_live_runs, kills_in_lossless_runs
from tools.chaos.messages import hostile_messages
from tools.chaos.outcome import Outcome
from tools.chaos.resources import full_disk, full_shared_memory, slow_detector
from tools.chaos.sources import clock_jumps, outages
from tools.chaos.supervisor import killed_supervisor

Fault: TypeAlias = Callable[[Path], Outcome]
"""Injects a fault into the pipeline; its files go into the folder."""


def all_faults(*, short: bool) -> dict[str, Fault]:
    """Returns all faults by name; ``short`` repeats each only a few times."""
    return {
        "SIGKILL, lossless": partial(kills_in_lossless_runs, kills=10 if short else 100),
        "SIGKILL, live": partial(kills_in_live_runs, kills=4 if short else 20),
        "RTSP outage": partial(outages, times=2 if short else 20),
        "camera clock set": partial(clock_jumps, frames=100 if short else 500),
        "hostile messages": partial(hostile_messages, messages=20_000 if short else 1_000_000),
        "detector ten times too slow": partial(slow_detector, frames=100 if short else 500),
        "disk full": full_disk,
        "/dev/shm full": full_shared_memory,
        "supervisor killed": killed_supervisor,
    }


def run_chaos(
    faults: Mapping[str, Fault], progress: Callable[[str], None] = lambda what: None
) -> Iterator[tuple[str, Outcome]]:
    """Injects one fault after the other and yields the outcomes.

    A run that fails or leaves no results is an outcome too.

    Args:
        faults: Faults by name.
        progress: Called with the name of the next fault.
    """
    folder = Path(tempfile.mkdtemp(prefix="chaos-"))
    try:
        for name, fault in faults.items():
            progress(name)
            try:
                outcome = fault(folder)
            except (SpotStreamError, OSError) as error:
                outcome = Outcome(1, str(error), passed=False)
            yield name, outcome
    finally:
        shutil.rmtree(folder, ignore_errors=True)
