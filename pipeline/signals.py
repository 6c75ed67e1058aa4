"""The signals that ask a run, or one of its stages, to end."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import time
from collections.abc import Callable

STAGE_END = signal.SIGRTMIN
"""Sent by the supervisor to a stage; a service manager sends SIGTERM to all processes of a run."""

IGNORED_SIGNALS = (signal.SIGUSR1, signal.SIGUSR2)
"""Many programs reopen their logs on these signals; by default, they end a process."""

_ONE_REQUEST_SECONDS = 1.0
_PR_SET_PDEATHSIG = 1


class StageEnd(SystemExit):
    """Raised in a stage on `STAGE_END`; any other ``SystemExit`` is an error of the user's code."""


class StopRequests:
    """Counts how often this process was asked to end.

    Programs that forward signals often send a duplicate: ``timeout`` signals its command and also
    the command's process group; ``torchrun`` and other launchers forward a Ctrl-C that the terminal
    has sent to their program as well. Signals within a second of a request therefore belong to it.
    So does any later SIGHUP: when a terminal closes, the shell sends one and the kernel another.

    Attributes:
        count: The number of requests so far.

    Args:
        clock: Returns a monotonic time in seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.count = 0
        self._clock = clock
        self._latest = 0.0

    def add(self) -> None:
        """Counts a request; may be called from any thread."""
        self._latest = self._clock()
        self.count += 1

    def add_signal(self, number: int) -> bool:
        """Counts a signal unless it belongs to an earlier request; returns whether it did count."""
        now = self._clock()
        # No calls from here on: the handler of another signal could run during one.
        if self.count and (number == signal.SIGHUP or now - self._latest < _ONE_REQUEST_SECONDS):
            return False
        self._latest = now
        self.count += 1
        return True


def die_with(parent: int) -> None:
    """Makes Linux kill this process when its parent dies; exits if the parent is already dead.

    Args:
        parent: Process id of the parent.
    """
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        sys.exit(1)


def ignore_stop_signals() -> None:
    """Ignores the stop signals in a stage; the supervisor acts on them."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)


def stop_signals() -> list[signal.Signals]:
    """Returns SIGINT, SIGTERM, and SIGHUP unless it is ignored, as under ``nohup``."""
    numbers = [signal.SIGINT, signal.SIGTERM]
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        numbers.append(signal.SIGHUP)
    return numbers
