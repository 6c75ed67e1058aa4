"""Ctrl-C and SIGTERM, which end a training run after the current step."""

from __future__ import annotations

import logging
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from pipeline.signals import StopRequests

log = logging.getLogger(__name__)


@contextmanager
def interruptible() -> Iterator[StopRequests]:
    """Yields what counts Ctrl-C and SIGTERM; the second one ends at once."""
    requests = StopRequests()

    def note(number: int, _: FrameType | None) -> None:
        if not requests.add_signal(number):
            return
        if requests.count > 1:
            raise KeyboardInterrupt
        log.info("stopping; once more ends at once")

    before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield requests
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
