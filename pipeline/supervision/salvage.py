"""Completes the results of a run that breaks off, as far as they go."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence

from msgspec.structs import replace

from pipeline.reporter import ReportReceiver
from pipeline.reports import Crashed, Done, Failed, Report, StreamSummary
from pipeline.supervision.process import StageProcess
from pipeline.supervision.roster import RunningStream
from pipeline.supervision.stage_processes import StageProcesses
from pipeline.transport.logbook import SharedNumber

_TURN_MS = 100
_UNWANTED = "was asked to end"


class _SinkReports:
    """Receives a sink's reports: summaries of finished streams, and failures, by stream.

    All reports are passed on, but without the reason, which the run itself reports.
    """

    def __init__(
        self,
        sink: StageProcess,
        reports: ReportReceiver,
        on_report: Callable[[Report], None],
        reason: str,
    ) -> None:
        self.finished: dict[str, StreamSummary] = {}
        self.failures: dict[str, str] = {}
        self.sink = sink
        self.reason = reason
        self._reports = reports
        self._on_report = on_report

    def listen(self) -> None:
        self._reports.socket.poll(_TURN_MS)
        for report in self._reports.receive():
            if report.stage != "sink":
                continue  # a late report of a process killed earlier
            self.sink.heard(report)
            match report:
                case Done():
                    self.finished[report.stream] = report.summary
                    if report.message == self.reason:
                        report = replace(report, message="")
                case Failed() | Crashed():
                    self.failures[report.stream] = report.message
            with contextlib.suppress(Exception):  # failing to show reports may be what ends the run
                self._on_report(report)

    def failure(self, how: str) -> str:
        """Returns the latest failure, or ``how`` the process ended if it reported none."""
        return [f"the {self.sink.name} {how}", *self.failures.values()][-1]


def complete(
    processes: StageProcesses,
    streams: Sequence[RunningStream],
    reports: ReportReceiver,
    is_unwanted: Callable[[], bool],
    on_report: Callable[[Report], None],
    *,
    reason: str,
    text_only: bool = False,
) -> tuple[dict[str, StreamSummary], str]:
    """Makes a sink end streams where they are; this may take any time unless the sink hangs.

    Args:
        processes: The processes of the run; all but perhaps the sink are killed.
        streams: The streams under way; those of which the sink has taken nothing are ignored.
        reports: Receiver of the sink's reports.
        is_unwanted: Returns whether to abort; called in each turn, about ten times a second.
        on_report: Called with every report of the sink, without the ``reason``; it may fail.
        reason: See `WorkerPlan.give_up_reason`.
        text_only: See `WorkerPlan`.

    Returns:
        Summaries of the streams whose results were completed, by name, and why others were not, ""
        if there are no others.
    """
    if processes.upgrade:  # a sink started now could not read what this one has written
        processes.kill_all(but=processes.sink)
        sink_reports = _SinkReports(processes.sink, reports, on_report, reason)
        return _by_this_sink(sink_reports, streams, is_unwanted)
    processes.kill_all()
    sink = processes.make("sink", give_up_reason=reason, text_only=text_only)
    return _by_another_sink(_SinkReports(sink, reports, on_report, reason), is_unwanted)


def _by_another_sink(
    sink_reports: _SinkReports, is_unwanted: Callable[[], bool]
) -> tuple[dict[str, StreamSummary], str]:
    """Runs a sink that is not started yet and whose plan is to give up."""
    sink = sink_reports.sink
    sink.start_if_due()
    how = sink.check()
    while sink.runs and not is_unwanted():
        sink_reports.listen()
        how = sink.check()
    if is_unwanted():
        how = _UNWANTED
    sink.kill()
    sink_reports.listen()
    if not how:
        return sink_reports.finished, ""  # a failure would be a late report of an earlier sink
    return sink_reports.finished, sink_reports.failure(how)


def _by_this_sink(
    sink_reports: _SinkReports, streams: Sequence[RunningStream], is_unwanted: Callable[[], bool]
) -> tuple[dict[str, StreamSummary], str]:
    """Abandons the streams in their logbooks, so that the run's sink ends them."""
    sink = sink_reports.sink
    how = "" if sink.runs else "has died"
    known = [each for each in streams if each.logbook[SharedNumber.ACKNOWLEDGED]]
    for stream in known:
        stream.logbook.abandon(sink_reports.reason)
    names = {stream.plan.name for stream in known}
    while not how and names - sink_reports.finished.keys() - sink_reports.failures.keys():
        sink_reports.listen()
        how = _UNWANTED if is_unwanted() else sink.check()
    if how:
        sink.kill()  # asked to end, it would remove its part files
    return sink_reports.finished, sink_reports.failure(how) if how or sink_reports.failures else ""
