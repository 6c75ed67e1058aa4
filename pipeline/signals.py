"""The signals that ask a run, or one of its stages, to end."""

from __future__ import annotations

import signal

STAGE_END = signal.SIGUSR1
"""What the supervisor sends a stage; SIGTERM comes to all processes of a run that is a service."""


def ignore_stop_signals() -> None:
    """A stage leaves it to the supervisor what they mean."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)


def stop_signals() -> list[signal.Signals]:
    """SIGINT, SIGTERM, and SIGHUP unless it is ignored, as below ``nohup``."""
    numbers = [signal.SIGINT, signal.SIGTERM]
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        numbers.append(signal.SIGHUP)
    return numbers
