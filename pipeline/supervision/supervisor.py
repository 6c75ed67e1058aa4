"""Starts the stage processes, watches them, replaces those that die, and ends all of them."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from types import FrameType

import zmq

from pipeline.config import RunConfig
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
from pipeline.supervision.monitor import RunMonitor
from pipeline.supervision.overview import ProcessState
from pipeline.supervision.process import StageProcess
from pipeline.supervision.result import RunResult
from pipeline.supervision.result_folders import ResultFolders, how_to_complete
from pipeline.supervision.roster import Roster, RunningStream
from pipeline.supervision.run_commands import RunCommands
from pipeline.supervision.run_resources import RunResources, open_run_resources
from pipeline.supervision.salvage import complete
from pipeline.supervision.stage_processes import StageProcesses
from pipeline.supervision.stream_outcomes import StreamOutcomes
from pipeline.transport.feedback import Resend
from stages.errors import OutputError, in_one_line, reason_of

_DRAIN_SECONDS = 60.0


class Supervisor:
    """One run: a decoder process per stream, detectors, one tracker, one sink.

    A process that dies is replaced, and its unfinished work is sent again. A process that cannot
    start, fails for a reason that only the user can remove, or dies too often ends the run. A
    decoder that does so, frames that no detector can process, or a folder that the sink cannot
    write to end only the stream concerned.

    Attributes:
        result: The result of the run so far.
        was_signalled: Whether a signal, not only `stop`, has asked the run to end.

    Args:
        folders: The results folders of the streams to run; they are released when the run ends.
        config: The configuration.
        on_report: Called with every report of a worker, and with the supervisor's own notices;
            supervision pauses until it returns.
        stay: Keep running until stopped, even without streams, since others may be added.
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
        self._monitor = RunMonitor(sink=config.sink)
        self._roster = Roster(folders.to_run, folders.output, config, self._monitor)
        self._processes = StageProcesses(
            config, folders.output, self._roster, debug=debug, json_log=json_log
        )
        self.was_signalled = False
        self._stops = StopRequests()
        self._stopping_since: float | None = None
        self._outcomes = StreamOutcomes(
            self.result, folders, self._roster, self._processes, on_report
        )
        self._commands = RunCommands(
            folders.output, self.result, self._roster, self._processes, self._stops
        )

    def run(self) -> RunResult:
        """Runs all streams to their ends; call it only once.

        Ctrl-C, SIGTERM or SIGHUP drains the run; a second request ends it at once and leaves part
        files. After any error, the results are completed as far as they go.
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
            broken = False
            try:
                self._supervise(run)
                if self._roster and self._stops.count == 1:
                    broken = not self._end_overdue(run)
            except BaseException as error:
                broken = True
                no_room = isinstance(error, OutputError)  # probably: most are of a full disk
                self._salvage_results(run, in_one_line(error), text_only=no_room)
                raise
            finally:
                if self._stops.count > 1:
                    broken = True
                    self._processes.sink.kill()  # asked to end, it would remove its part files
                self._processes.end_all()
                running = self._roster.running.values()
                left = [self._outcomes.clear_away(each, broken=broken) for each in running]
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
            self._handle_deaths()
            if self._processes.are_ready and not self._stops.count:
                self._begin_streams(run)
            self._start_due()
            poller.poll(100)
            self._commands.serve(run)
            for report in run.reports.receive():
                self._handle(report)
            if self._stops.count and self._stopping_since is None:
                self._stopping_since = time.monotonic()
                self._roster.stop()
            if self._stops.count > 1 or self._is_overdue:
                break
        if self._stops.count:
            self.result.exit_code = 130

    @property
    def _is_overdue(self) -> bool:
        """Whether the drain has taken too long and no stream is being completed."""
        if self._stopping_since is None or self._processes.sink.busy or self._roster.completing:
            return False
        return time.monotonic() - self._stopping_since > _DRAIN_SECONDS

    def _begin_streams(self, run: RunResources) -> None:
        self._folders.outdate()
        for spec in self._roster.due():
            decoder = self._processes.make("decoder", stream=spec.name)
            only_one = not self._stay and not self._roster
            # Not for a stream added later: its user is there to see that the password is wrong.
            patient = self._stay and any(spec is given for given in self._folders.to_run)
            try:
                self._roster.begin(
                    spec, decoder, run.folder, run.context, only_one=only_one, patient=patient
                )
            except (OSError, zmq.ZMQError) as error:
                message = f"there is no room for another stream: {reason_of(error)}"
                self._outcomes.refuse(spec, message)

    def _handle(self, report: Report) -> None:
        self._outcomes.show(report)
        stream = self._roster.running.get(report.stream)
        process = self._processes.sender(report)
        if process is not None:
            process.heard(report)
        match report:
            case Ready() if process is not None:
                self._handle_ready(report, process, stream)
            case Batches():
                self._monitor.record_batches(report.worker, report.counts)
            case Progress(metrics=StreamMetrics() as metrics) if stream is not None:
                self._monitor.record_metrics(report.stream, metrics)
            case Snapshot() if stream is not None:
                self._monitor.record_picture(report)
            case Completing() if stream is not None:
                stream.completing = True
            case Done() if stream is not None:
                self._monitor.record_metrics(report.stream, report.metrics)
                self._outcomes.complete(report)
            case Failed() if process is not None:
                self._outcomes.fail(report)

    def _handle_ready(
        self, report: Ready, process: StageProcess, stream: RunningStream | None
    ) -> None:
        """Sends a new process its predecessor's unfinished work; ends a decoder that is to stop."""
        if report.stage == "detector":
            self._monitor.detector_began(report.worker)
        if report.stage == "decoder":
            if stream is not None and stream.stopping:
                stream.stop()
        elif process.restarts:
            worker = report.worker if report.stage == "detector" else None
            for each in self._roster.running.values():
                each.send(Resend(worker))

    def _handle_deaths(self) -> None:
        for death in self._processes.deaths():
            self._outcomes.show(death)
            if isinstance(death, Failed):
                self._outcomes.fail(death)

    def _start_due(self) -> None:
        for process in self._processes.start_due():
            self._monitor.started(process.role, process.stream, process.restarts)
            if process.is_restart:
                earlier = self.result.restarts.get(process.name, 0)
                self.result.restarts[process.name] = earlier + 1

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

    def _end_overdue(self, run: RunResources) -> bool:
        """Completes streams that did not end in time; returns whether that succeeded."""
        message = f"not ended {_DRAIN_SECONDS:g} s after the run was asked to end"
        for name in self._roster.running:
            text = f"{message}; completing its results in place"
            self._on_report(Notice("sink", stream=name, message=text))
        failure = self._salvage_results(run, message)
        if failure and self._stops.count == 1:
            self.result.exit_code = OutputError.exit_code
            text = f"results could not be completed, part files stay: {failure}"
            self._on_report(Notice("sink", message=text))
        return not failure

    def _salvage_results(self, run: RunResources, reason: str, *, text_only: bool = False) -> str:
        """Makes a sink end all streams where they are, which may save weeks of results.

        Returns why that failed, or "".
        """
        self._commands.closed = True

        def is_unwanted() -> bool:
            with contextlib.suppress(Exception):  # this may be why the run ends
                self._commands.serve(run)
            return self._stops.count > 1

        finished, failure = complete(
            self._processes,
            list(self._roster.running.values()),
            run.reports,
            is_unwanted,
            self._on_report,
            reason=reason,
            text_only=text_only,
        )
        self.result.finished.update(finished)
        return failure
