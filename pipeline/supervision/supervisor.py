"""Starts the stage processes, watches them, replaces those that die, and ends all of them."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import FrameType

import msgspec
import zmq

from pipeline.addresses import endpoint
from pipeline.config import RunConfig
from pipeline.plan import StageName, StreamPlan, WorkerPlan
from pipeline.reporter import ReportReceiver, error_of
from pipeline.reports import (
    Batches,
    Completing,
    Done,
    Failed,
    Notice,
    Progress,
    Ready,
    Report,
    StreamMetrics,
)
from pipeline.supervision.commands import (
    AddStream,
    Command,
    CommandResult,
    CommandServer,
    RemoveStream,
)
from pipeline.supervision.monitor import RunMonitor
from pipeline.supervision.overview import Overview, ProcessView
from pipeline.supervision.process import StageProcess
from pipeline.supervision.result import RunResult
from pipeline.supervision.result_folders import ResultFolders
from pipeline.supervision.roster import Roster, RunningStream
from pipeline.supervision.run_resources import open_run_resources
from pipeline.supervision.salvage import complete
from pipeline.transport.logbook import SharedCounter
from pipeline.transport.messages import MAX_POSITION, Acknowledged, Resend
from stages.decoder.locations import SourceSpec, is_live
from stages.errors import ConfigError, OutputError, SpotStreamError, in_one_line

_DRAIN_SECONDS = 60.0
_SPARE_ENTRIES = 16
_END_SECONDS = 3.0


class Supervisor:
    """One run: a decoder process per stream, detectors, one tracker, one sink.

    A process that dies is replaced, and what it had not finished is sent again. One that cannot
    start, fails for a reason that the user has to remove, or dies too often, ends the run.

    Args:
        specs: The streams.
        config: The configuration.
        output: Results folder.
        on_report: Called with every report of a worker, and with what the supervisor finds.
        stay: Go on when all streams have ended, until told to stop: others may be added.
        debug: Show tracebacks of errors in the program.
        json_log: Log lines of JSON.
    """

    def __init__(
        self,
        specs: Sequence[SourceSpec],
        config: RunConfig,
        output: Path,
        on_report: Callable[[Report], None] = lambda report: None,
        *,
        stay: bool = False,
        debug: bool = False,
        json_log: bool = False,
    ) -> None:
        self._config = config
        self._specs = specs
        self._output = output
        self._debug, self._json_log = debug, json_log
        self._on_report = on_report
        self._stay = stay
        self._began = time.monotonic()
        self._monitor = RunMonitor()
        self._stages: dict[tuple[StageName, int], StageProcess] = {}
        self._ending: list[StageProcess] = []
        self._next_channel = 0
        self._interrupts = 0
        self._told_to_stop = 0.0
        self._broken = False
        self.result = RunResult.begun_with(len(specs))

    def prepare(self, *, overwrite: bool) -> None:
        """Claims the folders of results; sequences of a data set that are finished are skipped.

        With ``overwrite``, a stream's earlier results are removed when its first frame has come.

        Raises:
            OutputError: See `ResultFolders`.
        """
        self._results = ResultFolders(self._specs, self._output, overwrite=overwrite)
        parallel = self._config.runtime.parallel_streams
        self._roster = Roster(self._results.to_run, self._output, parallel, self._monitor)
        self.result.skipped += self._results.finished

    def run(self) -> RunResult:
        """Runs all streams to their ends; to be called once, after `prepare`.

        Ctrl-C, SIGTERM or SIGHUP drains, a second ends at once. Any error completes the results
        where they are.
        """
        try:
            if self._roster or self._stay:
                self._run()
        finally:
            self._results.release()
        return self.result

    def _run(self) -> None:
        opened = open_run_resources(
            self._config, self._output, self._monitor, self._is_ready, self._interrupt
        )
        with opened as run:
            self._folder, self._context = run.folder, run.context
            try:
                self._supervise(run.reports, run.commands)
                if self._roster and self._interrupts == 1:
                    self._end_overdue(run.reports)
            except BaseException as error:
                self._broken = True
                full = isinstance(error, OutputError)
                self._complete_what_there_is(run.reports, in_one_line(error), text_only=full)
                raise
            finally:
                self._end_all()
                for stream in self._roster.running.values():
                    self._clear_away(stream)
        self.result.order([spec.name for spec in self._results.to_run])

    def _is_ready(self) -> bool:
        stages = list(self._stages.values())
        return bool(stages) and all(stage.state == "ready" for stage in stages)

    def _supervise(self, reports: ReportReceiver, commands: CommandServer) -> None:
        poller = zmq.Poller()
        poller.register(reports.socket, zmq.POLLIN)
        poller.register(commands.socket, zmq.POLLIN)
        for stage in ("sink", "tracker"):
            self._stages[stage, 0] = self._make_stage(stage)
        for worker in range(self._config.detector.workers):
            self._stages["detector", worker] = self._make_stage("detector", worker)
        while self._roster or (self._stay and not self._interrupts):
            self._monitor.beat()
            self._check_processes()
            if self._is_ready() and not self._interrupts:
                self._begin_streams()
            poller.poll(100)
            commands.serve(self._carry_out)
            for report in reports.receive():
                self._take(report)
            if self._interrupts and not self._told_to_stop:
                self._told_to_stop = time.monotonic()
                self._roster.stop()
            overdue = time.monotonic() - self._told_to_stop > _DRAIN_SECONDS
            overdue = overdue and not (self._stages["sink", 0].busy or self._roster.completing)
            if self._interrupts > 1 or (self._told_to_stop and overdue):
                break
        if self._interrupts:
            self.result.exit_code = 130

    def _carry_out(self, command: Command) -> CommandResult:
        if isinstance(command, AddStream):
            if self._interrupts:
                raise ConfigError("the pipeline is about to end")
            return self._roster.add(command.location, command.name)
        if isinstance(command, RemoveStream):
            self._roster.remove(command.name)
            return None
        return self._overview()

    def _overview(self) -> Overview:
        return Overview(
            os.getpid(),
            str(self._output),
            time.monotonic() - self._began,
            self._roster.views(),
            [ProcessView(p.name, p.pid, p.state, max(0, p.restarts)) for p in self._processes()],
        )

    def _begin_streams(self) -> None:
        self._results.outdate()
        runtime = self._config.runtime
        for spec in self._roster.due():
            live = runtime.mode == "live" or (runtime.mode == "auto" and is_live(spec.location))
            channel = self._next_channel
            self._next_channel += 1
            entries = 2 * runtime.slots + _SPARE_ENTRIES
            logbook = self._folder.add_stream(
                channel, spec.name, entries=entries, lossless=not live
            )
            only = not self._stay and not self._roster
            plan = StreamPlan(
                spec.name, spec.location, spec.layout, spec.frame_rate, channel, only_one=only
            )
            feedback = self._context.socket(zmq.PUSH)
            feedback.connect(self._endpoint(f"ack-{channel}"))
            decoder = self._make_stage("decoder", stream=plan)
            self._roster.running[spec.name] = RunningStream(plan, logbook, decoder, feedback)
            self._monitor.begun(spec.name, logbook)
            decoder.start_if_due()

    def _endpoint(self, name: str) -> str:
        return endpoint(self._folder.path, self._config.runtime, name)

    def _make_stage(
        self,
        stage: StageName,
        worker: int = 0,
        stream: StreamPlan | None = None,
        give_up_reason: str = "",
        *,
        text_only: bool = False,
    ) -> StageProcess:
        def make_plan() -> WorkerPlan:
            begun = self._roster.running.values()
            plans = [each.plan for each in begun if each.has_begun]
            if stream is not None:
                plans = [self._roster.running[stream.name].plan]
            return WorkerPlan(
                stage=stage,
                worker=worker,
                config=self._config,
                streams=plans,
                output=str(self._output),
                sockets=self._folder.path,
                give_up_reason=give_up_reason,
                text_only=text_only,
                debug=self._debug,
                json_log=self._json_log,
            )

        name = f"{stage} of {stream.name}" if stream else stage
        if stage == "detector" and self._config.detector.workers > 1:
            name += f" {worker + 1}"
        runtime = self._config.runtime
        silence = runtime.silence_seconds
        if stage == "decoder":  # a packet may take three time-outs
            silence = max(silence, 4 * self._config.decoder.timeout)
        return StageProcess(name, make_plan, silence, runtime.restarts_per_minute)

    def _take(self, report: Report) -> None:
        self._on_report(report)
        stream = self._roster.running.get(report.stream)
        if report.stage == "decoder":
            process = stream.decoder if stream is not None else None
        else:
            process = self._stages.get((report.stage, report.worker))
        if process is not None:
            process.heard(report)
        match report:
            case Ready() if process is not None:
                self._welcome(report, process, stream)
            case Batches():
                self._monitor.take_batches(report.worker, report.counts)
            case Progress(metrics=StreamMetrics() as metrics) if stream is not None:
                self._monitor.take(report.stream, metrics)
            case Completing() if stream is not None:
                stream.completing = True
            case Done() if stream is not None:
                self._monitor.take(report.stream, report.metrics)
                self.result.finished[report.stream] = report.summary
                if report.summary.status not in ("complete", "interrupted"):
                    self.result.exit_code = self.result.exit_code or 3
                self._end_stream(report.stream)
            case Failed(stage="decoder"):
                self._give_up(report.stream, report.message, report.exit_code)
            case Failed() if process is not None:
                raise error_of(report)

    def _welcome(self, report: Ready, process: StageProcess, stream: RunningStream | None) -> None:
        """A process is ready; what its predecessor had not finished must be sent again."""
        if report.stage == "decoder":
            if stream is not None and stream.stopping:
                stream.stop()
        elif process.restarts:
            worker = report.worker if report.stage == "detector" else None
            for each in self._roster.running.values():
                each.send(Resend(worker))

    def _check_processes(self) -> None:
        for (stage, worker), process in self._stages.items():
            self._check(process, stage, worker=worker)
        for name, stream in list(self._roster.running.items()):
            self._check(stream.decoder, "decoder", stream=name)
        for decoder in list(self._ending):
            if decoder.check() or decoder.state == "ended":
                self._ending.remove(decoder)

    def _check(
        self, process: StageProcess, stage: StageName, worker: int = 0, stream: str = ""
    ) -> None:
        how = process.check()
        if how and process.is_hopeless:
            message = f"the {process.name} process {how}"
            if process.restarts:
                message += f"; started again {process.restarts} times before"
            if not stream:
                unfinished = ", ".join(self._roster.unfinished)
                raise SpotStreamError(f"{message}; not finished: {unfinished}")
            self._give_up(stream, message, 1)
        elif how:
            message = f"the {process.name} process {how}; starting it again"
            self._on_report(Notice(stage, worker, stream, message=message))
        if stage == "decoder" and stream not in self._roster.running:
            return
        if process.start_if_due() and process.restarts:
            self.result.restarts[process.name] = process.restarts
            self._monitor.restarted(process.name, process.restarts)

    def _end_stream(self, name: str) -> None:
        """Forgets a stream whose results are complete, or will never be."""
        stream = self._roster.end(name)
        if stream is None:
            return
        stream.send(Acknowledged(MAX_POSITION))  # where the sink was killed before it could say so
        stream.feedback.close(linger=100)
        self._ending.append(stream.decoder)
        self._monitor.ended(name, stream.decoder.name)
        self._folder.remove_stream(stream.plan.channel)
        self._clear_away(stream)

    def _clear_away(self, stream: RunningStream) -> None:
        if stream.has_begun:  # else what lies there is of an earlier run
            self._results.clear_away(stream.plan.name, broken=self._broken)

    def _give_up(self, name: str, message: str, exit_code: int) -> None:
        """Has one more decoder end the stream where it is, so that its results are completed."""
        stream = self._roster.running.get(name)
        if stream is None:  # its results were complete when the decoder failed
            return
        self.result.exit_code = self.result.exit_code or exit_code
        self.result.failed[name] = message
        self._roster.fail(name, message)
        self._monitor.failed(name)
        if stream.plan.give_up_reason or not stream.logbook[SharedCounter.ACCOUNTED]:
            self._end_stream(name)  # that one failed too, or there are no results
        else:
            stream.plan = msgspec.structs.replace(stream.plan, give_up_reason=message)
            stream.decoder.replace()

    @property
    def folder(self) -> str:
        """Where the sockets of the run are, see `RuntimeFolder`."""
        return self._folder.path

    def stop(self) -> None:
        """Lets all streams end, as Ctrl-C does; may be called from another thread."""
        self._interrupts += 1

    def states(self) -> dict[str, str]:
        """States of all processes by name; may be asked from another thread."""
        return {process.name: process.state for process in self._processes()}

    def processes(self) -> dict[str, int]:
        """Ids of the processes that run now, by name; may be asked from another thread."""
        return {process.name: process.pid for process in self._processes() if process.runs}

    def _processes(self) -> list[StageProcess]:
        decoders = [stream.decoder for stream in list(self._roster.running.values())]
        return [*self._stages.values(), *decoders]

    def _interrupt(self, number: int, frame: FrameType | None) -> None:
        # A terminal that closes hangs up twice: its shell does, and so does the kernel.
        if number != signal.SIGHUP or not self._interrupts:
            self.stop()

    def _end_overdue(self, reports: ReportReceiver) -> None:
        """Completes streams that did not end in time; only a second signal may cost results."""
        message = f"not ended {_DRAIN_SECONDS:g} s after the run was told to"
        for name in self._roster.running:
            told = f"{message}; completing its results where they are"
            self._on_report(Notice("sink", stream=name, message=told))
        failure = self._complete_what_there_is(reports, message)
        self._broken = bool(failure) and self._interrupts == 1
        if self._broken:
            told = f"results could not be completed, part files stay: {failure}"
            self._on_report(Notice("sink", message=told))

    def _complete_what_there_is(
        self, reports: ReportReceiver, message: str, *, text_only: bool = False
    ) -> str:
        """Has one more sink end all streams where they are: weeks of results shall not be lost.

        Gives why that failed, or "".
        """
        for process in self._processes():
            process.kill()
        sink = self._make_stage("sink", give_up_reason=message, text_only=text_only)
        done = complete(sink, reports, lambda: self._interrupts > 1)
        self.result.finished |= done.finished
        return done.failure

    def _end_all(self) -> None:
        running = self._processes()
        for process in running:
            process.ask_to_end()
        for process in (*running, *self._ending):
            process.end(_END_SECONDS)
