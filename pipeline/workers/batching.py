"""Frames of any stream gathered into batches: full, or as large as they are at the deadline."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

from pipeline.transport.messages import Envelope
from stages.records import Frame

Receive = Callable[[float | None], Envelope | None]
"""Waits so many seconds (None: for ever) for the next message; None where none came."""


def batches(
    receive: Receive,
    size: int,
    wait_seconds: float,
    clock: Callable[[], float] = time.monotonic,
) -> Iterator[list[Envelope]]:
    """Batches of frames, and every other record alone, in the order they came.

    A batch leaves when it holds ``size`` frames, when ``wait_seconds`` have passed since its first
    frame, or when another record comes, which must not overtake a frame of its stream.
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
