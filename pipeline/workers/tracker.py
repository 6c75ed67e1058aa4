"""The tracker's process."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import zmq
from msgspec.structs import replace

from pipeline.plan import WorkerPlan
from pipeline.reporter import Reporter
from pipeline.reports import Ready
from pipeline.transport.envelope import Envelope
from pipeline.transport.link import Receiver, Sender
from pipeline.transport.logbook import Logbook, SharedNumber
from pipeline.workers.envelope_journal import read_envelopes
from pipeline.workers.order import Sequencer
from pipeline.workers.streams import Streams
from stages.records import Detections, Tracks
from stages.sink.folder_contents import JOURNAL
from stages.tracker import TrackerStage


def run_tracker(plan: WorkerPlan, context: zmq.Context, report: Reporter) -> None:
    """Tracks objects through every incoming frame, until the process is ended.

    If an earlier process died, the tracks of lossless streams are rebuilt; live streams continue
    without tracks, and with ids that were never assigned.
    """
    config = plan.config.tracker
    shared = plan.config.runtime.frames == "shared"

    def on_turn() -> None:
        report.alive()
        streams.close_ended()

    receiver = Receiver(context, plan.endpoint("tracker"), on_turn, copy=shared)
    sender = Sender(context, plan.endpoint("sink"))
    stage = TrackerStage(config.name, config.settings, plan.config.decoder.every)
    streams = Streams(plan, lambda channel, logbook: _Stream(plan, stage, logbook, report.alive))
    for stream in plan.streams:
        streams.at(stream.channel)
    report(Ready("tracker"))
    for envelope in iter(receiver.receive, None):  # never None without a time limit
        member = streams.find(envelope)
        for tracked in member.take(envelope) if member is not None else ():
            sender.send(tracked)


class _Stream:
    def __init__(
        self,
        plan: WorkerPlan,
        stage: TrackerStage,
        logbook: Logbook,
        on_turn: Callable[[], None],
    ) -> None:
        self.name = logbook.stream
        self._stage = stage
        self._logbook = logbook
        self._journal = plan.folder(self.name) / JOURNAL
        self._on_turn = on_turn
        self._window = logbook[SharedNumber.ENTRIES]
        self._recent: dict[int, Envelope] = {}
        self._order = Sequencer(self._window)
        self._catch_up()
        if logbook[SharedNumber.NEXT_ID] and not logbook[SharedNumber.LOSSLESS]:
            stage.skip_ids(self.name, logbook[SharedNumber.NEXT_ID])

    def _catch_up(self) -> None:
        """Skips what is in the results: an earlier process tracked it, and it is not sent again.

        In a lossless stream, tracks are continued from what the sink has journaled.
        """
        if not self._logbook[SharedNumber.LOSSLESS]:
            self._order.skip_to(self._logbook[SharedNumber.ACKNOWLEDGED])
            return
        for entry in read_envelopes(self._journal):
            self._on_turn()
            if entry.envelope.position >= self._order.due:
                self._process(entry.envelope)
                self._order.skip_to(entry.envelope.position + 1)

    def take(self, envelope: Envelope) -> Iterator[Envelope]:
        """Yields the envelopes to send: those now due, or the earlier result for a repeated one."""
        if self._order.due < self._logbook[SharedNumber.ACKNOWLEDGED]:
            # The sink has taken more from the earlier process since this one began. If that is
            # sent again, it may have been detected in a slot that holds another frame by now.
            self._catch_up()
        if envelope.position < self._order.due:
            # A tracker cannot go back a step, and the sink may have lost the earlier result.
            earlier = self._recent.get(envelope.position)
            if earlier is not None:
                yield replace(envelope, record=earlier.record, work_ns=earlier.work_ns)
        for due in self._order.take(envelope):
            yield self._process(due)

    def _process(self, envelope: Envelope) -> Envelope:
        record, work = envelope.record, envelope.work_ns
        if isinstance(record, Tracks):  # from a journal
            record = record.detections
        if isinstance(record, Detections):
            started = time.monotonic_ns()
            record = self._stage.process(record)
            work = work | {"tracker": time.monotonic_ns() - started}
            self._logbook[SharedNumber.NEXT_ID] = self._stage.next_id(self.name)
        answer = replace(envelope, record=record, work_ns=work)
        self._recent[envelope.position] = replace(answer, pixels=None)
        self._recent.pop(envelope.position - self._window, None)
        return answer

    def close(self) -> None:
        """Forgets the stream's tracks."""
        self._stage.close(self.name)
