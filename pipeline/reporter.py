"""Both ends of the connection through which stage processes report to the supervisor."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator

import msgspec
import zmq

from pipeline.plan import WorkerPlan
from pipeline.reports import Alive, AnyReport, Batches, Busy, Failed, Progress, Report, Snapshot
from pipeline.transport.link import WAITING_MESSAGES
from stages.errors import OutputError, SpotStreamError

_ALIVE_SECONDS = 1.0
_MAX_PER_CALL = 1000
_MAX_BYTES = 2**20

_decoder: msgspec.msgpack.Decoder[AnyReport] = msgspec.msgpack.Decoder(AnyReport)


class Reporter:
    """Sends reports; for use by one thread only.

    Attributes:
        latest: Monotonic time of the latest report, seconds.
        is_busy: Whether that report was `Busy`.
    """

    def __init__(self, context: zmq.Context, plan: WorkerPlan) -> None:
        self.latest = 0.0
        self.is_busy = False
        self._plan = plan
        self._socket = context.socket(zmq.PUSH)
        self._socket.connect(plan.endpoint("control"))

    def __call__(self, report: Report) -> None:
        """Sends a report, marked with the number of this worker.

        When some 2,000 reports wait, as while the supervisor is suspended by Ctrl-Z, reports of
        ongoing work are dropped. So is `Busy`, although a process that is then silent for long may
        be replaced. Any other report waits for the supervisor.
        """
        self.latest = time.monotonic()
        self.is_busy = False
        report = msgspec.structs.replace(report, worker=self._plan.worker)
        encoded = msgspec.msgpack.encode(report)
        if isinstance(report, Alive | Batches | Busy | Progress | Snapshot):
            with contextlib.suppress(zmq.Again):
                self._socket.send(encoded, zmq.NOBLOCK)
        else:
            self._socket.send(encoded)

    def alive(self) -> None:
        """Reports at most once a second that the process is alive; a silent stage is replaced."""
        # `Alive` ends the busy time, so it is reported at once then.
        if self.is_busy or time.monotonic() - self.latest >= _ALIVE_SECONDS:
            self(Alive(self._plan.stage, stream=self._plan.own_stream))

    def busy(self) -> None:
        """Announces that the process may be silent until its next report, see `StageProcess`."""
        self(Busy(self._plan.stage, stream=self._plan.own_stream))
        self.is_busy = True


class ReportReceiver:
    """The supervisor's end: receives the reports of all stages."""

    def __init__(self, context: zmq.Context, endpoint: str) -> None:
        self.socket = context.socket(zmq.PULL)
        self.socket.rcvhwm = WAITING_MESSAGES
        self.socket.maxmsgsize = _MAX_BYTES
        self.socket.bind(endpoint)

    def receive(self) -> Iterator[AnyReport]:
        """Yields pending reports, a limited number per call so that a flood blocks nothing."""
        for _ in range(_MAX_PER_CALL):
            try:
                yield _decoder.decode(self.socket.recv(zmq.NOBLOCK))
            except zmq.Again:
                return
            except (msgspec.MsgspecError, ValueError, RecursionError):
                continue  # not from one of our processes


def error_of(report: Failed) -> SpotStreamError:
    """Returns the error that a stage reported as its failure."""
    kind = OutputError if report.exit_code == OutputError.exit_code else SpotStreamError
    error = kind(report.message)
    error.exit_code = report.exit_code
    return error
