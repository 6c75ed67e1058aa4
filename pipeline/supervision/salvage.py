"""How the results of a run that breaks off are completed where they are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from pipeline.reporter import ReportReceiver
from pipeline.reports import Crashed, Done, Failed, StreamSummary
from pipeline.supervision.process import StageProcess

_TURN_MS = 100


@dataclass(slots=True)
class Completion:
    """What a last sink achieved.

    Attributes:
        finished: Summaries of the streams whose results are complete, by name.
        failure: Why others are not, "" where there are none.
    """

    finished: dict[str, StreamSummary] = field(default_factory=dict)
    failure: str = ""


def complete(
    sink: StageProcess, reports: ReportReceiver, is_unwanted: Callable[[], bool]
) -> Completion:
    """Has a sink that was told to give up do so, for as long as it takes, unless it hangs.

    Args:
        sink: Its process, not started yet; it has ended afterwards.
        reports: Where it reports.
        is_unwanted: Whether to leave off.
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
        completion.failure = ""  # what a process said that was killed before
    return completion
