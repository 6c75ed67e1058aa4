"""Gathers frames of any stream into batches, each sent when it is full or at its deadline."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

from pipeline.transport.envelope import Envelope
from stages.records import Frame

Receive = Callable[[float | None], Envelope | None]
"""Waits at most the given seconds (None: no limit) for the next message; None if none arrives."""


def batches(
    receive: Receive,
    size: int,
    wait_seconds: float,
    clock: Callable[[], float] = time.monotonic,
) -> Iterator[list[Envelope]]:
    """Yields batches of frames, and every other record alone, in order of arrival.

    A batch is complete when it holds ``size`` frames, when ``wait_seconds`` have passed since its
    first frame, or when another kind of record arrives, which must not overtake the frames.
    """
    gathered: list[Envelope] = []
    deadline = 0.0
    while True:
        timeout = max(0.0, deadline - clock()) if gathered else None
        envelope = receive(timeout)
        if envelope is not None and isinstance(envelope.record, Frame):
            if not gathered:
                deadline = clock() + wait_seconds
            gathered.append(envelope)
            if len(gathered) < size:
                continue
            envelope = None
        if gathered:
            yield gathered
            gathered = []
        if envelope is not None:
            yield [envelope]
