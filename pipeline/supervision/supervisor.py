"""Starts the stage processes, watches them, replaces those that die, and ends all of them."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable
from types import FrameType

import msgspec
import zmq

from pipeline.config import RunConfig
from pipeline.reporter import error_of
from pipeline.reports import (
    Batches,
    Completing,
    Done,
    Failed,
    Notice,
    Progress,
    Ready,
    Report,
    Snapshot,
    StreamMetrics,
)
from pipeline.signals import StopRequests
from pipeline.supervision.commands import AddStream, Command, CommandResult, Describe, RemoveStream
from pipeline.supervision.monitor import RunMonitor
from pipeline.supervision.overview import Overview, ProcessState, ProcessView
from pipeline.supervision.process import StageProcess
from pipeline.supervision.result import RunResult
from pipeline.supervision.result_folders import ResultFolders, how_to_complete
from pipeline.supervision.roster import Roster, RunningStream
from pipeline.supervision.run_resources import RunResources, open_run_resources
from pipeline.supervision.salvage import complete
from pipeline.supervision.stage_processes import StageProcesses
from pipeline.transport.feedback import Resend
from pipeline.transport.logbook import SharedNumber
from stages.errors import ConfigError, OutputError, in_one_line, reason_of
from stages.result_files import StreamStatus

_DRAIN_SECONDS = 60.0


class Supervisor:
    """One run: a decoder process per stream, detectors, one tracker, one sink.

    A process that dies is replaced, and what it had not finished is sent again. One that cannot
    start, fails for a reason that only the user can remove, or dies too often, ends the run; a
    decoder, frames that no detector takes, or a folder that the sink cannot write, end only theirs.

    Attributes:
        result: The result of the run so far.
        was_signalled: Whether the run was told to end by a signal, not only by `stop`.

    Args:
        folders: The results folders of the streams to run; they are released when the run ends.
        config: The configuration.
        on_report: Called with every report of a worker, and with the supervisor's own notices;
            nothing is supervised until it returns.
        stay: Keep running when all streams have ended, until stopped: others may be added.
        debug: Show tracebacks of errors in the program.
        json_log: Write log lines as JSON.
    """

    def __init__(
        self,
        folders: ResultFolders,
        config: RunConfig,
        on_report: Callable[[Report], None] = lambda report: None,
        *,
        stay: bool = False,
        debug: bool = False,
        json_log: bool = False,
    ) -> None:
        self.result = RunResult.begun_with(len(folders.to_run))
        self.result.skipped += folders.finished
        self._folders = folders
        self._config = config
        self._on_report = on_report
        self._stay = stay
        self._began = time.monotonic()
        self._monitor = RunMonitor(sink=config.sink)
        self._roster = Roster(folders.to_run, folders.output, config.runtime, self._monitor)
        self._processes = StageProcesses(
            config, folders.output, self._roster, debug=debug, json_log=json_log
        )
        self.was_signalled = False
        self._stops = StopRequests()
        self._told_to_stop: float | None = None
        self._broken = False
        self._completes_all = False

    def run(self) -> RunResult:
        """Runs all streams to their ends; call it only once.

        Ctrl-C, SIGTERM or SIGHUP drains the run, a second request ends it at once and leaves part
        files. After any error the results are completed as far as they go.
        """
        try:
            if self._roster or self._stay:
                self._run()
        finally:
            self._folders.release()
        return self.result

    def _run(self) -> None:
        opened = open_run_resources(
            self._config,
            self._folders.output,
            self._monitor,
            lambda: self._processes.are_ready and not self._stops.count,
            self._interrupt,
        )
        with opened as run:
            self._processes.make_shared(run.folder.path)
            try:
                self._supervise(run)
                if self._roster and self._stops.count == 1:
                    self._end_overdue(run)
            except BaseException as error:
                self._broken = True
                full = isinstance(error, OutputError)
                self._complete_what_there_is(run, in_one_line(error), text_only=full)
                raise
            finally:
                if self._stops.count > 1:
                    self._broken = True
                    self._processes.sink.kill()  # asked to end, it would remove its part files
                self._processes.end_all()
                left = [self._clear_away(each) for each in self._roster.running.values()]
                if self._stops.count > 1 and any(left):
                    how = how_to_complete(self._folders.output, self._processes.release)
                    self._on_report(
                        Notice("sink", message=f"ended at once, part files stay: {how}")
                    )
        self.result.order([spec.name for spec in self._folders.to_run])

    def _supervise(self, run: RunResources) -> None:
        poller = zmq.Poller()
        poller.register(run.reports.socket, zmq.POLLIN)
        poller.register(run.commands.socket, zmq.POLLIN)
        while self._roster or (self._stay and not self._stops.count):
            self._replace_dead()
            if self._processes.are_ready and not self._stops.count:
                self._begin_streams(run)
            self._start_due()
            poller.poll(100)
            run.attend(self._carry_out, self._overview)
            for report in run.reports.receive():
                self._take(report)
            if self._stops.count and self._told_to_stop is None:
                self._told_to_stop = time.monotonic()
                self._roster.stop()
            if self._stops.count > 1 or self._is_overdue:
                break
        if self._stops.count:
            self.result.exit_code = 130

    @property
    def _is_overdue(self) -> bool:
        """Whether the drain has taken too long and no stream is being completed."""
        if self._told_to_stop is None or self._processes.sink.busy or self._roster.completing:
            return False
        return time.monotonic() - self._told_to_stop > _DRAIN_SECONDS

    def _carry_out(self, command: Command) -> CommandResult:
        match command:
            case AddStream() | RemoveStream() if self._completes_all:
                raise ConfigError("the pipeline is about to end")
            case AddStream():
                if self._stops.count:
                    raise ConfigError("the pipeline is about to end")
                if told := self._processes.upgrade:
                    raise ConfigError(told)
                added = self._roster.add(command.location, command.name)
                for name in added:
                    self.result.failed.pop(name, None)
                    self.result.finished.pop(name, None)
                return added
            case RemoveStream():
                self._roster.remove(command.name)
                return None
            case Describe():
                return self._overview()

    def _overview(self) -> Overview:
        return Overview(
            os.getpid(),
            str(self._folders.output),
            time.monotonic() - self._began,
            self._roster.views(),
            [ProcessView(p.name, p.pid, p.state, p.restarts) for p in self._processes.all()],
        )

    def _begin_streams(self, run: RunResources) -> None:
        self._folders.outdate()
        for spec in self._roster.due():
            decoder = self._processes.make("decoder", stream=spec.name)
            only_one = not self._stay and not self._roster
            # Who adds a stream is there to see that its password is wrong.
            patient = self._stay and any(spec is given for given in self._folders.to_run)
            try:
                self._roster.begin(
                    spec, decoder, run.folder, run.context, only_one=only_one, patient=patient
                )
            except (OSError, zmq.ZMQError) as error:
                message = f"there is no room for another stream: {reason_of(error)}"
                report = Failed("decoder", stream=spec.name, message=message, exit_code=3)
                self._on_report(report)
                self._note_failure(report, spec.location)

    def _show(self, report: Report) -> None:
        if not (isinstance(report, Failed) and self._is_known(report)):
            self._on_report(report)

    def _is_known(self, report: Failed) -> bool:
        """Whether the stream has failed already, as for another detector; a sink's failure is news.

        It means that the results are not completed.
        """
        return report.stage != "sink" and report.stream in self.result.failed

    def _take(self, report: Report) -> None:
        self._show(report)
        stream = self._roster.running.get(report.stream)
        process = self._processes.sender(report)
        if process is not None:
            process.heard(report)
        match report:
            case Ready() if process is not None:
                self._welcome(report, process, stream)
            case Batches():
                self._monitor.take_batches(report.worker, report.counts)
            case Progress(metrics=StreamMetrics() as metrics) if stream is not None:
                self._monitor.take(report.stream, metrics)
            case Snapshot() if stream is not None:
                self._monitor.take_picture(report.stream, report.jpeg)
            case Completing() if stream is not None:
                stream.completing = True
            case Done() if stream is not None:
                self._monitor.take(report.stream, report.metrics)
                self.result.finished[report.stream] = report.summary
                if report.summary.status not in (StreamStatus.COMPLETE, StreamStatus.INTERRUPTED):
                    self.result.exit_code = self.result.exit_code or 3
                self._end_stream(report.stream)
            case Failed() if process is not None:
                self._fail(report)

    def _welcome(self, report: Ready, process: StageProcess, stream: RunningStream | None) -> None:
        """Handles a process that is ready: what its predecessor did not finish is sent again."""
        if report.stage == "detector":
            self._monitor.detector_began(report.worker)
        if report.stage == "decoder":
            if stream is not None and stream.stopping:
                stream.stop()
        elif process.restarts:
            worker = report.worker if report.stage == "detector" else None
            for each in self._roster.running.values():
                each.send(Resend(worker))

    def _replace_dead(self) -> None:
        for death in self._processes.deaths():
            self._show(death)
            if isinstance(death, Failed):
                self._fail(death)

    def _start_due(self) -> None:
        for process in self._processes.start_due():
            self._monitor.started(process.role, process.stream, process.restarts)
            if process.restarts:
                self.result.restarts[process.name] = process.restarts

    def _fail(self, report: Failed) -> None:
        if not report.stream:
            raise error_of(report)
        stream = self._roster.running.get(report.stream)
        if stream is None:
            return  # its results were complete when the decoder failed
        self._note_failure(report, stream.plan.location)
        message = self.result.failed[report.stream]
        if report.stage == "decoder":
            self._give_up(stream, message)
            return
        stream.decoder.kill()
        if report.stage == "sink":
            self._roster.end(report.stream)  # its part files stay
        elif stream.logbook[SharedNumber.ACKNOWLEDGED]:
            stream.logbook.abandon(message)  # the sink completes its results
        else:
            self._end_stream(report.stream)  # there are no results

    def _note_failure(self, report: Failed, location: str) -> None:
        if self._is_known(report):
            return
        self.result.exit_code = self.result.exit_code or report.exit_code
        self.result.failed[report.stream] = report.message
        self._roster.fail(report.stream, location, report.message)

    def _give_up(self, stream: RunningStream, message: str) -> None:
        """Starts one more decoder to end the stream where it is, so that its results complete."""
        if stream.plan.give_up_reason and stream.logbook[SharedNumber.ACKNOWLEDGED]:
            stream.decoder.kill()  # the last one failed too
            stream.logbook.abandon(message)
        elif stream.plan.give_up_reason or not stream.logbook[SharedNumber.ACCOUNTED]:
            self._end_stream(stream.plan.name)  # there are no results
        else:
            stream.plan = msgspec.structs.replace(stream.plan, give_up_reason=message)
            stream.decoder.replace()

    def _end_stream(self, name: str) -> None:
        """Forgets a stream whose results are complete or never will be."""
        stream = self._roster.end(name)
        self._processes.let_end(stream.decoder)
        self._clear_away(stream)

    def _clear_away(self, stream: RunningStream) -> bool:
        """Removes a stream's part files unless they are all there is; returns whether they stay."""
        if not stream.has_begun:
            return False  # the files are from an earlier run
        return self._folders.clear_away(stream.plan.name, broken=self._broken)

    def stop(self) -> None:
        """Ends all streams, as Ctrl-C does; may be called from another thread."""
        self._stops.add()

    def states(self) -> dict[str, ProcessState]:
        """Returns the states of all processes by name; may be called from another thread."""
        return self._processes.states()

    def processes(self) -> dict[str, int]:
        """Returns the ids of the running processes by name; may be called from another thread."""
        return self._processes.ids()

    def _interrupt(self, number: int, frame: FrameType | None) -> None:
        self.was_signalled = True
        self._stops.add_signal(number)

    def _end_overdue(self, run: RunResources) -> None:
        """Completes streams that did not end in time."""
        message = f"not ended {_DRAIN_SECONDS:g} s after the run was asked to end"
        for name in self._roster.running:
            told = f"{message}; completing its results where they are"
            self._on_report(Notice("sink", stream=name, message=told))
        failure = self._complete_what_there_is(run, message)
        self._broken = bool(failure)
        if failure and self._stops.count == 1:
            self.result.exit_code = OutputError.exit_code
            told = f"results could not be completed, part files stay: {failure}"
            self._on_report(Notice("sink", message=told))

    def _complete_what_there_is(
        self, run: RunResources, message: str, *, text_only: bool = False
    ) -> str:
        """Has a sink end all streams where they are: it may save weeks of results.

        Returns why that failed, or "".
        """
        self._completes_all = True

        def is_unwanted() -> bool:
            with contextlib.suppress(Exception):  # it may be why the run ends
                run.attend(self._carry_out, self._overview)
            return self._stops.count > 1

        finished, failure = complete(
            self._processes,
            [each for each in self._roster.running.values() if each.has_begun],
            run.reports,
            is_unwanted,
            self._on_report,
            reason=message,
            text_only=text_only,
        )
        self.result.finished.update(finished)
        return failure
