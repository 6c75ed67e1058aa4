"""Starts the stage processes, watches them, replaces those that die, and ends all of them."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

import msgspec
import zmq

from pipeline.commands import (
    AddStream,
    Answer,
    Command,
    CommandServer,
    Described,
    Done,
    RemoveStream,
)
from pipeline.config import RunConfig
from pipeline.link import WAITING_MESSAGES
from pipeline.messages import Resend, Return, Settled, encode_return
from pipeline.overview import Board, Overview, ProcessView
from pipeline.plan import StageName, Status, StreamPlan, WorkerPlan, endpoint
from pipeline.process import StageProcess
from pipeline.room import make_room, streams_to_add
from pipeline.rundir import RunFolder
from stages.decoder.live import is_live
from stages.decoder.media import redact
from stages.decoder.sources import SourceSpec
from stages.errors import ConfigError, OutputError, SpotStreamError
from stages.sink.atomic import output_error
from stages.sink.results import remove_parts

if TYPE_CHECKING:
    from pipeline.metrics import MetricsServer

_DRAIN_SECONDS = 60.0
_SPARE_ENTRIES = 16
_END_SECONDS = 3.0
_EVERYTHING = 2**62
_REPORTS_AT_A_TIME = 1000
_LARGEST_REPORT = 2**20


@dataclass(slots=True)
class RunResult:
    """How a run ended.

    Attributes:
        finished: Summaries of the streams whose results are written, by name.
        failed: Messages of those that failed, by name.
        skipped: Sequences of data sets that an earlier run had finished.
        restarts: How often which process had to be started again.
        exit_code: 0, 130 after Ctrl-C, or that of the first failure.
    """

    finished: dict[str, dict[str, Any]] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    skipped: list[str] = field(default_factory=list)
    restarts: dict[str, int] = field(default_factory=dict)
    exit_code: int = 0


@dataclass(slots=True)
class _Stream:
    """A stream that was begun and has not ended: its decoder, and the way back to it."""

    plan: StreamPlan
    decoder: StageProcess
    returns: zmq.Socket
    stopping: bool = False

    def send(self, message: Return) -> None:
        self.returns.send(encode_return(message))

    def stop(self) -> None:
        """Lets the decoder end the stream, at once or when it is ready to hear that."""
        self.stopping = True
        if self.decoder.state == "ready":
            self.decoder.terminate()


class Supervisor:
    """One run: a decoder process per stream, detectors, one tracker, one sink.

    A process that dies is replaced, and what it had not finished is sent again. One that cannot
    start, fails for a reason that the user has to remove, or dies too often, ends the run.

    Args:
        specs: The streams.
        config: The configuration.
        output: Results folder.
        about: Versions and command line, for ``run.json``.
        on_status: Called with every report of a worker.
        stay: Go on when all streams have ended, until told to stop: others may be added.
    """

    def __init__(
        self,
        specs: Sequence[SourceSpec],
        config: RunConfig,
        output: Path,
        about: dict[str, Any],
        on_status: Callable[[Status], None] = lambda status: None,
        *,
        stay: bool = False,
    ) -> None:
        self._specs = list(specs)
        self._config = config
        self._output = output
        self._about = about
        self._on_status = on_status
        self._stay = stay
        self._board = Board()
        self._began = time.monotonic()
        self._plain = config.model_dump(mode="json")
        self._stages: dict[tuple[StageName, int], StageProcess] = {}
        self._streams: dict[str, _Stream] = {}
        self._waiting: list[SourceSpec] = []
        self._ending: list[StageProcess] = []
        self._next_channel = 0
        self._interrupts = 0
        self._told_to_stop = 0.0
        self._metrics: MetricsServer | None = None
        self.result = RunResult()

    def prepare(self, *, overwrite: bool) -> None:
        """Makes room for the results; sequences of a data set that are finished are skipped.

        Raises:
            OutputError: A stream's folder holds results and ``overwrite`` is off, or the folder
                cannot be made.
        """
        self._specs, skipped = make_room(self._specs, self._output, overwrite=overwrite)
        self.result.skipped += skipped
        try:
            self._output.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise output_error(self._output, error) from error

    def run(self) -> RunResult:
        """Runs all streams to their ends; Ctrl-C drains, a second one ends at once."""
        if not self._specs and not self._stay:
            return self.result
        self._metrics = self._start_metrics()
        handlers = {
            number: signal.signal(number, self._interrupt)
            for number in (signal.SIGINT, signal.SIGTERM)
        }
        self._folder = RunFolder(str(self._output.absolute()))
        self._context = zmq.Context()
        commands = CommandServer(self._context, self._folder.path)
        control = self._context.socket(zmq.PULL)
        try:
            control.rcvhwm = WAITING_MESSAGES
            control.maxmsgsize = _LARGEST_REPORT
            control.bind(self._endpoint("control"))
            self._supervise(control, commands)
        except OutputError:
            raise
        except SpotStreamError as error:
            self._complete_what_there_is(str(error))
            raise
        finally:
            self._end_all()
            if self._metrics is not None:
                self._metrics.close()
            for number, handler in handlers.items():
                signal.signal(number, handler)
            self._context.destroy(linger=0)
            self._folder.close()
            for spec in self._specs:
                folder = self._output / spec.name
                if folder.is_dir():
                    remove_parts(folder)
                    with contextlib.suppress(OSError):
                        folder.rmdir()  # only where nothing was written
        finished = self.result.finished
        self.result.finished = {s.name: finished[s.name] for s in self._specs if s.name in finished}
        return self.result

    def _start_metrics(self) -> MetricsServer | None:
        address = self._config.runtime.metrics
        if address is None:
            return None
        from pipeline.metrics import MetricsServer  # an extra, for those who ask for it

        return MetricsServer(address, self._is_ready)

    def _is_ready(self) -> bool:
        stages = list(self._stages.values())
        return bool(stages) and all(stage.state == "ready" for stage in stages)

    def _supervise(self, control: zmq.Socket, commands: CommandServer) -> None:
        poller = zmq.Poller()
        poller.register(control, zmq.POLLIN)
        poller.register(commands.socket, zmq.POLLIN)
        for stage in ("sink", "tracker"):
            self._stages[stage, 0] = self._make_stage(stage)
        for worker in range(self._config.detector.workers):
            self._stages["detector", worker] = self._make_stage("detector", worker)
        self._waiting = list(self._specs)
        while self._waiting or self._streams or (self._stay and not self._interrupts):
            if self._metrics is not None:
                self._metrics.beat()
            self._check_processes()
            if self._is_ready() and not self._interrupts:
                self._begin_streams()
            poller.poll(100)
            commands.serve(self._carry_out)
            self._take_reports(control)
            if self._interrupts and not self._told_to_stop:
                self._told_to_stop = time.monotonic()
                self._waiting.clear()
                for stream in self._streams.values():
                    stream.stop()
            overdue = time.monotonic() - self._told_to_stop > _DRAIN_SECONDS
            if self._interrupts > 1 or (self._told_to_stop and overdue):
                break
        if self._interrupts:
            self.result.exit_code = 130

    def _carry_out(self, command: Command) -> Answer:
        if isinstance(command, AddStream):
            return Done(self._add(command))
        if isinstance(command, RemoveStream):
            self._remove(command.name)
            return Done([command.name])
        return Described(self._overview())

    def _add(self, command: AddStream) -> list[str]:
        if self._interrupts:
            raise ConfigError("the pipeline is about to end")
        running = [*self._streams, *(spec.name for spec in self._waiting)]
        added = streams_to_add(command.location, command.name, running, self._output)
        before = {spec.name for spec in self._specs}
        self._specs += [spec for spec in added if spec.name not in before]
        self._waiting += added
        return [spec.name for spec in added]

    def _remove(self, name: str) -> None:
        stream = self._streams.get(name)
        waiting = [spec for spec in self._waiting if spec.name == name]
        if stream is not None:
            stream.stop()
        elif waiting:
            self._waiting.remove(waiting[0])
        else:
            known = ", ".join([*self._streams, *(spec.name for spec in self._waiting)])
            raise ConfigError(f"no stream {name}" + (f"; there are {known}" if known else ""))

    def _overview(self) -> Overview:
        views = [
            self._board.view(
                name, redact(stream.plan.location), waiting=False, stopping=stream.stopping
            )
            for name, stream in self._streams.items()
        ]
        views += [
            self._board.view(spec.name, redact(spec.location), waiting=True, stopping=False)
            for spec in self._waiting
        ]
        processes = [*self._stages.values(), *(s.decoder for s in self._streams.values())]
        return Overview(
            os.getpid(),
            str(self._output),
            time.monotonic() - self._began,
            views,
            [ProcessView(p.name, p.pid, p.state, max(0, p.restarts)) for p in processes],
        )

    @property
    def _busy(self) -> int:
        """How many streams run that will end."""
        return sum(not is_live(stream.plan.location) for stream in self._streams.values())

    def _begin_streams(self) -> None:
        for spec in list(self._waiting):
            runtime = self._config.runtime
            live = runtime.mode == "live" or (runtime.mode == "auto" and is_live(spec.location))
            if not is_live(spec.location) and self._busy >= runtime.parallel_streams:
                continue  # until another one ends, which a camera never does
            self._waiting.remove(spec)
            channel = self._next_channel
            self._next_channel += 1
            self._folder.add_stream(
                channel, spec.name, entries=2 * runtime.slots + _SPARE_ENTRIES, lossless=not live
            )
            plan = StreamPlan(spec.name, spec.location, spec.layout, spec.frame_rate, channel)
            returns = self._context.socket(zmq.PUSH)
            returns.connect(self._endpoint(f"return-{channel}"))
            decoder = self._make_stage("decoder", stream=plan)
            self._streams[spec.name] = _Stream(plan, decoder, returns)
            decoder.start_if_due()

    def _endpoint(self, name: str) -> str:
        return endpoint(self._folder.path, self._plain["runtime"], name)

    def _make_stage(
        self,
        stage: StageName,
        worker: int = 0,
        stream: StreamPlan | None = None,
        given_up: str = "",
    ) -> StageProcess:
        def make_plan() -> WorkerPlan:
            begun = self._streams
            return WorkerPlan(
                stage,
                worker,
                self._plain,
                [begun[stream.name].plan] if stream else [each.plan for each in begun.values()],
                str(self._output),
                self._folder.path,
                self._about,
                given_up,
            )

        name = f"{stage} of {stream.name}" if stream else stage
        if stage == "detector" and self._config.detector.workers > 1:
            name += f" {worker + 1}"
        runtime = self._config.runtime
        silence = runtime.silence_seconds
        if stage == "decoder":  # a packet may take three time-outs
            silence = max(silence, 4 * self._config.decoder.timeout)
        return StageProcess(name, make_plan, silence, runtime.restarts_per_minute)

    def _take_reports(self, control: zmq.Socket) -> None:
        for _ in range(_REPORTS_AT_A_TIME):
            try:
                status = msgspec.msgpack.decode(control.recv(zmq.NOBLOCK), type=Status)
            except zmq.Again:
                return
            except (msgspec.MsgspecError, ValueError, RecursionError):
                continue  # not from one of ours
            self._take(status)

    def _take(self, status: Status) -> None:
        self._on_status(status)
        self._board.take(status)
        if self._metrics is not None:
            self._metrics.collector.take(status)
        stream = self._streams.get(status.stream)
        if status.stage == "decoder":
            process = stream.decoder if stream is not None else None
        else:
            process = self._stages.get((status.stage, status.worker))
            if process is None:
                return
        if process is not None:
            process.heard(ready=status.kind == "ready")
        if status.kind == "ready":
            self._welcome(status, stream)
        elif status.kind == "crashed" and process is not None:
            process.message = status.message
        elif status.kind == "done":
            self.result.finished[status.stream] = status.summary
            if status.summary.get("status") not in ("complete", "interrupted"):
                self.result.exit_code = self.result.exit_code or 3
            self._end_stream(status.stream)
        elif status.kind == "failed":
            if status.stage != "decoder":
                raise _as_error(status.message, status.exit_code)
            self._fail_stream(status.stream, status.message, status.exit_code)

    def _welcome(self, status: Status, stream: _Stream | None) -> None:
        """A process is ready; what its predecessor had not finished must be sent again."""
        if status.stage == "decoder":
            if stream is not None and stream.stopping:
                stream.stop()
        elif self._stages[status.stage, status.worker].restarts:
            worker = status.worker if status.stage == "detector" else None
            for each in self._streams.values():
                each.send(Resend(worker))

    def _check_processes(self) -> None:
        for (stage, worker), process in self._stages.items():
            self._check(process, stage, worker=worker)
        for name, stream in list(self._streams.items()):
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
                unfinished = ", ".join(sorted(self._streams) + [s.name for s in self._waiting])
                raise SpotStreamError(f"{message}; not finished: {unfinished}")
            self._give_up(stream, message)
        elif how:
            message = f"the {process.name} process {how}; starting it again"
            self._on_status(
                Status(kind="notice", stage=stage, worker=worker, stream=stream, message=message)
            )
        if stream not in self._streams and stage == "decoder":
            return
        if process.start_if_due() and process.restarts:
            self.result.restarts[process.name] = process.restarts
            if self._metrics is not None:
                self._metrics.collector.restarts[process.name] = process.restarts

    def _end_stream(self, name: str) -> None:
        """Forgets a stream whose results are complete, or will never be."""
        stream = self._streams.pop(name, None)
        if stream is None:
            return
        self._board.forget(name)
        stream.send(Settled(_EVERYTHING))  # where the sink was killed before it could say so
        stream.returns.close(linger=100)
        self._ending.append(stream.decoder)
        self._folder.remove_stream(stream.plan.channel)
        remove_parts(self._output / name)

    def _give_up(self, name: str, message: str) -> None:
        """Has one more decoder end the stream where it is, so that its results are completed."""
        stream = self._streams[name]
        if stream.plan.given_up:  # that one died too
            self._fail_stream(name, message, 1)
            return
        stream.plan = msgspec.structs.replace(stream.plan, given_up=message)
        stream.decoder.forgive()
        self.result.failed[name] = message
        self.result.exit_code = self.result.exit_code or 1

    def _fail_stream(self, name: str, message: str, exit_code: int) -> None:
        self.result.exit_code = self.result.exit_code or exit_code
        self.result.failed[name] = message
        self._end_stream(name)

    @property
    def folder(self) -> str:
        """Where the sockets of the run are, see `RunFolder`."""
        return self._folder.path

    def stop(self) -> None:
        """Lets all streams end, as Ctrl-C does; may be called from another thread."""
        self._interrupts += 1

    def states(self) -> dict[str, str]:
        """States of all processes by name; may be asked from another thread."""
        processes = [*self._stages.values(), *(s.decoder for s in list(self._streams.values()))]
        return {process.name: process.state for process in processes}

    def processes(self) -> dict[str, int]:
        """Ids of the processes that run now, by name; may be asked from another thread."""
        running = [*self._stages.values(), *(s.decoder for s in list(self._streams.values()))]
        return {
            process.name: process.pid
            for process in running
            if process.state in ("starting", "ready")
        }

    def _interrupt(self, number: int, frame: FrameType | None) -> None:
        self._interrupts += 1

    def _complete_what_there_is(self, message: str) -> None:
        """Has one more sink end all streams where they are: weeks of results shall not be lost."""
        for process in [*self._stages.values(), *(s.decoder for s in self._streams.values())]:
            process.kill()
        sink = self._make_stage("sink", given_up=message)
        sink.start_if_due()
        sink.end(_DRAIN_SECONDS)

    def _end_all(self) -> None:
        running = [*(stream.decoder for stream in self._streams.values()), *self._stages.values()]
        for process in running:
            process.terminate()
        for process in (*running, *self._ending):
            process.end(_END_SECONDS)


def _as_error(message: str, exit_code: int) -> SpotStreamError:
    kind = OutputError if exit_code == OutputError.exit_code else SpotStreamError
    error = kind(message)
    error.exit_code = exit_code
    return error
