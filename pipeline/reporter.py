"""How a stage process tells the supervisor how it goes."""

from __future__ import annotations

import time

import msgspec
import zmq

from pipeline.plan import Status, WorkerPlan

_ALIVE_SECONDS = 1.0


class Reporter:
    """Sends reports; to be used by one thread."""

    def __init__(self, context: zmq.Context, plan: WorkerPlan) -> None:
        self._plan = plan
        self._last = 0.0
        self._socket = context.socket(zmq.PUSH)
        self._socket.connect(plan.endpoint("control"))

    def __call__(self, status: Status) -> None:
        """Sends a report, under the name of this worker."""
        self._last = time.monotonic()
        status = msgspec.structs.replace(status, worker=self._plan.worker)
        self._socket.send(msgspec.msgpack.encode(status))

    def alive(self) -> None:
        """Says once a second that the process turns; a stage that stops saying so is replaced."""
        if time.monotonic() - self._last >= _ALIVE_SECONDS:
            self(Status(kind="alive", stage=self._plan.stage, stream=self._plan.own_stream))
