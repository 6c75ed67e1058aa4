"""The signals that end a training run after the current step."""

from __future__ import annotations

import logging
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from pipeline.signals import StopRequests, stop_signals

log = logging.getLogger(__name__)


@contextmanager
def interruptible() -> Iterator[StopRequests]:
    """Yields what counts the requests to end; the second one ends the process at once."""
    requests = StopRequests()

    def note(number: int, _: FrameType | None) -> None:
        if not requests.add_signal(number):
            return
        if requests.count > 1:
            os._exit(130)  # otherwise it would wait for workers, which may be stuck
        log.info("stopping; once more ends at once")

    before = {number: signal.signal(number, note) for number in stop_signals()}
    try:
        yield requests
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
