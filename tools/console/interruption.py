"""The signals that end a long command, after its current step or at once."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

import typer

from pipeline.signals import StopRequests, ignore_stop_signals, stop_signals


@contextmanager
def interruptible(end: Callable[[int], object] = os._exit) -> Iterator[StopRequests]:
    """Yields a counter of stop requests; announces the first, and exits at once at the second.

    Args:
        end: Called with the exit status at the second request. ``sys.exit`` cleans up;
            ``os._exit`` does not wait for other processes and threads, which may be stuck.
    """
    requests = StopRequests()

    def note(number: int, _: FrameType | None) -> None:
        if not requests.add_signal(number):
            return
        if requests.count > 1:
            end(130)
        print("stopping; once more ends at once", file=sys.stderr)

    before = {number: signal.signal(number, note) for number in stop_signals()}
    try:
        yield requests
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def end_stopped() -> NoReturn:
    """Ends a command that was stopped; another signal would kill the interpreter meanwhile."""
    ignore_stop_signals()
    raise typer.Exit(130)


@contextmanager
def ended_at_once() -> Iterator[None]:
    """Lets stop signals end the process immediately, whatever its other threads do.

    Nothing is cleaned up, so this is for waits before anything is written.
    """
    before = {number: signal.signal(number, lambda *_: os._exit(130)) for number in stop_signals()}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
