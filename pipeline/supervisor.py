"""Starts the stage processes, watches them, and ends them."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

import msgspec
import zmq

from pipeline.config import RunConfig
from pipeline.plan import StageName, Status, StreamPlan, WorkerPlan, endpoint
from pipeline.ring import create_ring_file
from stages.decoder.live import is_live
from stages.decoder.sources import SourceSpec
from stages.errors import OutputError, SpotStreamError
from stages.sink.atomic import output_error
from stages.sink.results import has_results, is_complete, remove_parts, remove_results

if TYPE_CHECKING:
    from pipeline.metrics import MetricsServer

_DRAIN_SECONDS = 60.0

WORKER_ENVIRONMENT = {"OMP_WAIT_POLICY": "PASSIVE"}
"""Set for every stage unless the user has set it.

Torch's threads spin while they wait for one another; where another process needs a core, that makes
the detector several times slower (docs/architecture.md has the figures).
"""


@dataclass(slots=True)
class RunResult:
    """How a run ended.

    Attributes:
        finished: Summaries of the streams whose results are written, by name.
        failed: Messages of those that failed, by name.
        skipped: Sequences of data sets that an earlier run had finished.
        exit_code: 0, 130 after Ctrl-C, or that of the first failure.
    """

    finished: dict[str, dict[str, Any]] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    skipped: list[str] = field(default_factory=list)
    exit_code: int = 0


class Supervisor:
    """One run: a decoder process per stream, one detector, one tracker, one sink.

    Args:
        specs: The streams.
        config: The configuration.
        output: Results folder.
        about: Versions and command line, for ``run.json``.
        on_status: Called with every report of a worker.
    """

    def __init__(
        self,
        specs: Sequence[SourceSpec],
        config: RunConfig,
        output: Path,
        about: dict[str, Any],
        on_status: Callable[[Status], None] = lambda status: None,
    ) -> None:
        self._specs = list(specs)
        self._config = config
        self._output = output
        self._about = about
        self._on_status = on_status
        self._workers: dict[str, subprocess.Popen[bytes]] = {}
        self._ready: set[str] = set()
        self._interrupts = 0
        self._metrics: MetricsServer | None = None
        self.result = RunResult()

    def prepare(self, *, overwrite: bool) -> None:
        """Makes room for the results; sequences of a data set that are finished are skipped.

        Raises:
            OutputError: A stream's folder holds results and ``overwrite`` is off, or the folder
                cannot be made.
        """
        remaining = []
        for spec in self._specs:
            folder = self._output / spec.name
            if overwrite:
                remove_results(folder)
            elif spec.of_data_set and is_complete(folder):
                self.result.skipped.append(spec.name)
                continue
            elif has_results(folder) and not spec.of_data_set:
                raise OutputError(
                    f"{folder} holds results of an earlier run; "
                    f"add --overwrite or choose another --output"
                )
            remaining.append(spec)
        self._specs = remaining
        try:
            self._output.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise output_error(self._output, error) from error

    def run(self) -> RunResult:
        """Runs all streams to their ends; Ctrl-C drains, a second one ends at once."""
        if not self._specs:
            return self.result
        self._metrics = self._start_metrics()
        handlers = {
            number: signal.signal(number, self._interrupt)
            for number in (signal.SIGINT, signal.SIGTERM)
        }
        sockets = tempfile.mkdtemp(prefix="spotstream-")
        context = zmq.Context()
        control = context.socket(zmq.PULL)
        rings: list[int] = []
        try:
            plain = self._config.model_dump(mode="json")
            control.bind(endpoint(sockets, plain["runtime"], "control"))
            streams = []
            for spec in self._specs:
                descriptor, path = create_ring_file(spec.name)
                rings.append(descriptor)
                live = is_live(spec.location)
                streams.append(
                    StreamPlan(spec.name, spec.location, spec.layout, spec.frame_rate, path, live)
                )
            self._supervise(plain, streams, sockets, control)
        finally:
            self._end_all()
            if self._metrics is not None:
                self._metrics.close()
            for number, handler in handlers.items():
                signal.signal(number, handler)
            control.close(linger=0)
            context.term()
            for descriptor in rings:
                os.close(descriptor)
            shutil.rmtree(sockets, ignore_errors=True)
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
        return self._ready >= {"sink", "tracker", "detector"}

    def _supervise(
        self, plain: dict[str, Any], streams: list[StreamPlan], sockets: str, control: zmq.Socket
    ) -> None:
        def start(stage: StageName, stream: int = -1) -> None:
            plan = WorkerPlan(
                stage, plain, streams, stream, str(self._output), sockets, self._about
            )
            name = f"decoder-{stream}" if stage == "decoder" else stage
            self._workers[name] = _spawn(plan)

        for stage in ("sink", "tracker", "detector"):
            start(stage)
        waiting = list(range(len(streams)))
        open_streams = {stream.name for stream in streams}
        told_to_stop = 0.0
        while open_streams:
            if self._metrics is not None:
                self._metrics.beat()
            if self._is_ready() and not self._interrupts:
                running = sum(name.startswith("decoder-") for name in self._workers)
                while waiting and running < self._config.runtime.parallel_streams:
                    start("decoder", waiting.pop(0))
                    running += 1
            if control.poll(100):
                status = msgspec.msgpack.decode(control.recv(), type=Status)
                self._take(status, open_streams)
                continue
            self._check_workers(streams, open_streams)
            if self._interrupts == 1 and not told_to_stop:
                told_to_stop = time.monotonic()
                open_streams -= {streams[number].name for number in waiting}
                if not any(name.startswith("decoder-") for name in self._workers):
                    open_streams &= set()
                self._signal_decoders()
            overdue = told_to_stop and time.monotonic() - told_to_stop > _DRAIN_SECONDS
            if self._interrupts > 1 or overdue:
                break
        if self._interrupts:
            self.result.exit_code = 130

    def _take(self, status: Status, open_streams: set[str]) -> None:
        self._on_status(status)
        if self._metrics is not None:
            self._metrics.collector.take(status)
        if status.kind == "ready":
            self._ready.add(status.stage)
        elif status.kind == "done":
            self.result.finished[status.stream] = status.summary
            open_streams.discard(status.stream)
            if status.summary.get("status") not in ("complete", "interrupted"):
                self.result.exit_code = self.result.exit_code or 3
        elif status.kind == "failed":
            self.result.exit_code = self.result.exit_code or status.exit_code
            if status.stage != "decoder":
                raise _as_error(status.message, status.exit_code)
            self.result.failed[status.stream] = status.message
            open_streams.discard(status.stream)

    def _check_workers(self, streams: list[StreamPlan], open_streams: set[str]) -> None:
        for name, process in list(self._workers.items()):
            code = process.poll()
            if code is None:
                continue
            if name.startswith("decoder-"):
                del self._workers[name]
                stream = streams[int(name.removeprefix("decoder-"))].name
                if code == 0 or stream in self.result.failed:
                    continue
            how = f"was killed by signal {-code}" if code < 0 else f"ended with status {code}"
            unfinished = ", ".join(sorted(open_streams))
            raise SpotStreamError(f"the {name} process {how}; not finished: {unfinished}")

    def _interrupt(self, number: int, frame: FrameType | None) -> None:
        self._interrupts += 1

    def _signal_decoders(self) -> None:
        for name, process in self._workers.items():
            if name.startswith("decoder-"):
                process.terminate()

    def _end_all(self) -> None:
        for process in self._workers.values():
            process.terminate()
        for process in self._workers.values():
            try:
                process.wait(3)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _spawn(plan: WorkerPlan) -> subprocess.Popen[bytes]:
    process = subprocess.Popen(
        [sys.executable, "-m", "pipeline.worker"],
        stdin=subprocess.PIPE,
        start_new_session=True,
        env=WORKER_ENVIRONMENT | dict(os.environ),
    )
    assert process.stdin is not None
    process.stdin.write(msgspec.json.encode(plan))
    process.stdin.close()
    return process


def _as_error(message: str, exit_code: int) -> SpotStreamError:
    error = SpotStreamError(message)
    error.exit_code = exit_code
    return error
