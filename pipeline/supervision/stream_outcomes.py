"""How the streams of a run end: complete, failed, or never begun."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from pipeline.reporter import error_of
from pipeline.reports import Done, Failed, Report
from pipeline.supervision.result import RunResult
from pipeline.supervision.result_folders import ResultFolders
from pipeline.supervision.roster import Roster, RunningStream
from pipeline.supervision.stage_processes import StageProcesses
from pipeline.transport.logbook import SharedNumber
from stages.decoder.locations import SourceSpec
from stages.result_files import StreamStatus


class StreamOutcomes:
    """Ends streams that are complete or have failed, and records that in the result of the run.

    A decoder's failure, frames that no detector can process, or a folder that the sink cannot write
    to end only the stream concerned; any other failure ends the run.

    Args:
        result: The result of the run.
        folders: The results folders.
        roster: The streams.
        processes: The processes.
        on_report: Shows a report.
    """

    def __init__(
        self,
        result: RunResult,
        folders: ResultFolders,
        roster: Roster,
        processes: StageProcesses,
        on_report: Callable[[Report], None],
    ) -> None:
        self._result = result
        self._folders = folders
        self._roster = roster
        self._processes = processes
        self._on_report = on_report

    def show(self, report: Report) -> None:
        """Shows a report, unless it repeats a failure that was already shown."""
        if not (isinstance(report, Failed) and self._is_known(report)):
            self._on_report(report)

    def _is_known(self, report: Failed) -> bool:
        """Returns whether the stream has failed already, for example in another detector.

        A sink's failure is always new: it means that the results are not completed.
        """
        return report.stage != "sink" and report.stream in self._result.failed

    def complete(self, report: Done) -> None:
        """Ends a stream whose results are complete."""
        self._result.finished[report.stream] = report.summary
        if report.summary.status not in (StreamStatus.COMPLETE, StreamStatus.INTERRUPTED):
            self._result.exit_code = self._result.exit_code or 3
        self._end(report.stream)

    def refuse(self, spec: SourceSpec, message: str) -> None:
        """Fails a stream that cannot be begun."""
        report = Failed("decoder", stream=spec.name, message=message, exit_code=3)
        self._on_report(report)
        self._record_failure(report, spec.location)

    def fail(self, report: Failed) -> None:
        """Handles a failure that replacing a process cannot remedy.

        Raises:
            SpotStreamError: The failure ends the run.
        """
        if not report.stream:
            raise error_of(report)
        stream = self._roster.running.get(report.stream)
        if stream is None:
            return  # its results were complete when the decoder failed
        self._record_failure(report, stream.plan.location)
        message = self._result.failed[report.stream]
        if report.stage == "decoder":
            self._give_up(stream, message)
            return
        stream.decoder.kill()
        if report.stage == "sink":
            self._roster.end(report.stream)  # its part files stay
        elif stream.logbook[SharedNumber.ACKNOWLEDGED]:
            stream.logbook.abandon(message)  # the sink completes its results
        else:
            self._end(report.stream)  # there are no results

    def _record_failure(self, report: Failed, location: str) -> None:
        if self._is_known(report):
            return
        self._result.exit_code = self._result.exit_code or report.exit_code
        self._result.failed[report.stream] = report.message
        self._roster.fail(report.stream, location, report.message)

    def _give_up(self, stream: RunningStream, message: str) -> None:
        """Starts one more decoder to end the stream where it is, so that results are completed."""
        if stream.plan.give_up_reason and stream.logbook[SharedNumber.ACKNOWLEDGED]:
            stream.decoder.kill()  # the last one failed too
            stream.logbook.abandon(message)
        elif stream.plan.give_up_reason or not stream.logbook[SharedNumber.ACCOUNTED]:
            self._end(stream.plan.name)  # there are no results
        else:
            stream.plan = msgspec.structs.replace(stream.plan, give_up_reason=message)
            stream.decoder.replace()

    def _end(self, name: str) -> None:
        """Removes a stream whose results are complete or never will be."""
        stream = self._roster.end(name)
        self._processes.let_end(stream.decoder)
        self.clear_away(stream, broken=False)

    def clear_away(self, stream: RunningStream, *, broken: bool) -> bool:
        """Removes part files unless they are a stream's only results; returns whether they stay.

        ``broken``: see `ResultFolders.clear_away`.
        """
        if not stream.has_begun:
            return False  # the files are from an earlier run
        return self._folders.clear_away(stream.plan.name, broken=broken)
