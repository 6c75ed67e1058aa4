"""Completes the results of a run that breaks off, as far as they go."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from pipeline.reporter import ReportReceiver
from pipeline.reports import Crashed, Done, Failed, StreamSummary
from pipeline.supervision.process import StageProcess
from pipeline.supervision.roster import RunningStream
from pipeline.supervision.stage_processes import StageProcesses
from pipeline.transport.logbook import SharedNumber

_TURN_MS = 100
_UNWANTED = "was told to end"


class _Heard:
    """What a sink has reported: summaries of finished streams, and failures, by stream."""

    def __init__(self, sink: StageProcess, reports: ReportReceiver) -> None:
        self.finished: dict[str, StreamSummary] = {}
        self.failures: dict[str, str] = {}
        self._sink = sink
        self._reports = reports

    def listen(self) -> None:
        self._reports.socket.poll(_TURN_MS)
        for report in self._reports.receive():
            if report.stage != "sink":
                continue  # a late report of a process killed earlier
            self._sink.heard(report)
            match report:
                case Done():
                    self.finished[report.stream] = report.summary
                case Failed() | Crashed():
                    self.failures[report.stream] = report.message

    def failure(self, how: str) -> str:
        """The latest failure; ``how`` the process ended if there is none."""
        return [f"the {self._sink.name} process {how}", *self.failures.values()][-1]


def complete(
    processes: StageProcesses,
    streams: Sequence[RunningStream],
    reports: ReportReceiver,
    is_unwanted: Callable[[], bool],
    *,
    reason: str,
    text_only: bool = False,
) -> tuple[dict[str, StreamSummary], str]:
    """Has a sink end streams where they are, for as long as it takes unless it hangs.

    Args:
        processes: The processes of the run; all but perhaps the sink are killed.
        streams: The streams that have begun.
        reports: Receiver of the sink's reports.
        is_unwanted: Returns whether to abort.
        reason: See `WorkerPlan.give_up_reason`.
        text_only: See `WorkerPlan`.

    Returns:
        Summaries of the streams whose results were completed, by name, and why others were not, ""
        if there are none.
    """
    if processes.upgrade:  # a sink started now could not read what this one has written
        processes.kill_all(but=processes.sink)
        return _by_this_sink(processes.sink, streams, reports, is_unwanted, reason)
    processes.kill_all()
    sink = processes.make("sink", give_up_reason=reason, text_only=text_only)
    return _by_another_sink(sink, reports, is_unwanted)


def _by_another_sink(
    sink: StageProcess, reports: ReportReceiver, is_unwanted: Callable[[], bool]
) -> tuple[dict[str, StreamSummary], str]:
    """Runs a sink, not started yet, whose plan is to give up."""
    heard = _Heard(sink, reports)
    sink.start_if_due()
    how = sink.check()
    while sink.runs and not is_unwanted():
        heard.listen()
        how = sink.check()
    if is_unwanted():
        how = _UNWANTED
    sink.kill()
    heard.listen()
    if not how:
        return heard.finished, ""  # a failure would be a late report of an earlier sink
    return heard.finished, heard.failure(how)


def _by_this_sink(
    sink: StageProcess,
    streams: Sequence[RunningStream],
    reports: ReportReceiver,
    is_unwanted: Callable[[], bool],
    reason: str,
) -> tuple[dict[str, StreamSummary], str]:
    """Tells the sink of the run, in the logbooks, that nobody else ends the streams."""
    heard = _Heard(sink, reports)
    how = "" if sink.runs else "has died"
    known = [each for each in streams if each.logbook[SharedNumber.ACKNOWLEDGED]]
    for stream in known:
        stream.logbook.abandon(reason)
    names = {stream.plan.name for stream in known}
    while not how and names - heard.finished.keys() - heard.failures.keys():
        heard.listen()
        how = _UNWANTED if is_unwanted() else sink.check()
    if how:
        sink.kill()  # asked to end, it would remove its part files
    return heard.finished, heard.failure(how) if how or heard.failures else ""
