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

MEANINGLESS = (signal.SIGUSR1, signal.SIGUSR2)
"""Many programs reopen their logs on these; by default, they would end a process."""

_ONE_REQUEST_SECONDS = 1.0
_PR_SET_PDEATHSIG = 1


class StopRequests:
    """How often this process was asked to end.

    What passes signals on often sends one more: ``timeout`` to its command and to the group that
    this belongs to; ``torchrun``, and others that start a program, after a terminal that has sent
    Ctrl-C to both. So signals within a second of a request belong to it. So does any SIGHUP after
    it: of a terminal that closes, the shell sends one and the kernel another.

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
        """Returns whether a signal is a request of its own, which is then counted."""
        now = self._clock()
        # No call from here on, amid which the handler of another signal could run.
        if self.count and (number == signal.SIGHUP or now - self._latest < _ONE_REQUEST_SECONDS):
            return False
        self._latest = now
        self.count += 1
        return True


def die_with(parent: int) -> None:
    """Has Linux kill this process when its parent dies; exits if that is already dead.

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
