"""Completes the results of a run that breaks off, as far as they go."""

from __future__ import annotations

from collections.abc import Callable

from pipeline.reporter import ReportReceiver
from pipeline.reports import Crashed, Done, Failed, StreamSummary
from pipeline.supervision.process import StageProcess

_TURN_MS = 100


def complete(
    sink: StageProcess, reports: ReportReceiver, is_unwanted: Callable[[], bool]
) -> tuple[dict[str, StreamSummary], str]:
    """Runs a sink whose plan is to give up, for as long as it takes unless it hangs.

    Args:
        sink: The sink's process, not started yet; it has ended on return.
        reports: Receiver of its reports.
        is_unwanted: Returns whether to abort.

    Returns:
        Summaries of the streams whose results were completed, by name, and why others were not, ""
        if there are none.
    """
    finished: dict[str, StreamSummary] = {}
    failure = ""

    def listen() -> None:
        nonlocal failure
        reports.socket.poll(_TURN_MS)
        for report in reports.receive():
            if report.stage == "sink":
                sink.heard(report)
            match report:
                case Done():
                    finished[report.stream] = report.summary
                case Failed() | Crashed():
                    failure = report.message

    sink.start_if_due()
    how = sink.check()
    while sink.runs and not is_unwanted():
        listen()
        how = sink.check()
    if is_unwanted():
        how = "was told to end"
    sink.kill()
    listen()
    if not how:
        return finished, ""  # a failure would be a late report of a process killed earlier
    return finished, failure or f"the {sink.name} process {how}"
