"""The signals that ask a run, or one of its stages, to end."""

from __future__ import annotations

import signal

STAGE_END = signal.SIGUSR1
"""Sent by the supervisor to a stage; a service manager sends SIGTERM to all processes of a run."""


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
