"""Completes the results of a run that breaks off, as far as they go."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from pipeline.reporter import ReportReceiver
from pipeline.reports import Crashed, Done, Failed, StreamSummary
from pipeline.supervision.process import StageProcess

_TURN_MS = 100


@dataclass(slots=True)
class Completion:
    """The outcome of the last sink.

    Attributes:
        finished: Summaries of the streams whose results were completed, by name.
        failure: Why others were not, "" if there are none.
    """

    finished: dict[str, StreamSummary] = field(default_factory=dict)
    failure: str = ""


def complete(
    sink: StageProcess, reports: ReportReceiver, is_unwanted: Callable[[], bool]
) -> Completion:
    """Runs a sink whose plan is to give up, for as long as it takes unless it hangs.

    Args:
        sink: The sink's process, not started yet; it has ended on return.
        reports: Receiver of its reports.
        is_unwanted: Returns whether to abort.
    """
    completion = Completion()

    def listen() -> None:
        reports.socket.poll(_TURN_MS)
        for report in reports.receive():
            if report.stage == "sink":
                sink.heard(report)
            match report:
                case Done():
                    completion.finished[report.stream] = report.summary
                case Failed() | Crashed():
                    completion.failure = report.message

    how = ""
    sink.start_if_due()
    while sink.runs and not is_unwanted():
        listen()
        how = sink.check()
    if is_unwanted():
        how = "was told to end"
    sink.kill()
    listen()
    if how:
        completion.failure = completion.failure or f"the {sink.name} process {how}"
    else:
        completion.failure = ""  # a late report of a process killed earlier
    return completion
