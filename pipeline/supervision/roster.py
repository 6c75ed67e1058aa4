"""The streams of a run: those that wait for their turn, and those under way."""

from __future__ import annotations

import contextlib
import errno
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
import zmq

from pipeline.addresses import endpoint, is_taken, stream_ports
from pipeline.config import RunConfig
from pipeline.plan import StreamPlan
from pipeline.supervision.added_streams import streams_to_add
from pipeline.supervision.descriptors import check_descriptors
from pipeline.supervision.latest import Latest
from pipeline.supervision.monitor import RunMonitor
from pipeline.supervision.overview import StreamView
from pipeline.supervision.process import StageProcess
from pipeline.supervision.runtime_folder import RuntimeFolder
from pipeline.transport.envelope import MAX_POSITION
from pipeline.transport.feedback import Acknowledged, Feedback, encode_feedback
from pipeline.transport.logbook import Logbook, SharedNumber
from stages.decoder.locations import SourceSpec, is_live
from stages.errors import ConfigError
from stages.urls import redact

_SPARE_ENTRIES = 16


@dataclass(slots=True)
class RunningStream:
    """A stream that has begun and not ended, with its decoder and the feedback socket to it.

    ``completing`` is set once all its frames are written and its files are being completed.
    """

    plan: StreamPlan
    logbook: Logbook
    decoder: StageProcess
    feedback: zmq.Socket
    folder: RuntimeFolder
    stopping: bool = False
    completing: bool = False

    @property
    def has_begun(self) -> bool:
        """Whether its decoder has sent anything; until then no other stage knows of the stream."""
        return self.logbook[SharedNumber.EPOCHS] > 0

    @property
    def progress(self) -> int | None:
        """Number of decoded frames of a file; None for a live stream, which never repeats any."""
        return None if is_live(self.plan.location) else self.logbook[SharedNumber.SEQUENCE]

    def send(self, message: Feedback) -> None:
        """Sends a message to the decoder."""
        self.feedback.send(encode_feedback(message))

    def stop(self) -> None:
        """Asks the decoder to end the stream, at once or as soon as it is ready."""
        self.stopping = True
        if self.decoder.state == "ready":
            self.decoder.ask_to_end()

    def close(self) -> None:
        """Lets the decoder end, and releases its socket and the memory of the stream."""
        self.send(Acknowledged(MAX_POSITION))  # in case the sink was killed before it did so
        self.feedback.close(linger=100)
        self.folder.remove_stream(self.plan.channel)
        self.logbook[SharedNumber.RELEASED] = 1  # from here on no process can join it


class Roster:
    """The streams of a run, from waiting through running to ended.

    Attributes:
        running: The streams under way, by name.

    Args:
        specs: The streams to begin with.
        output: Results folder.
        config: Its ``runtime`` limits how many files may be under way at a time; live streams,
            which never end, all run at once. It decides for how many the limit of open files is
            enough.
        monitor: Monitor of the run.
    """

    def __init__(
        self,
        specs: Sequence[SourceSpec],
        output: Path,
        config: RunConfig,
        monitor: RunMonitor,
    ) -> None:
        self.running: dict[str, RunningStream] = {}
        self._output = output
        self._runtime = runtime = config.runtime
        self._config = config
        self._channels = itertools.count()
        self._ports = stream_ports(runtime) if runtime.transport == "tcp" else None
        self._waiting = list(specs)
        self._monitor = monitor
        self._failed: Latest[StreamView] = Latest(len(specs))

    def __bool__(self) -> bool:
        """Whether any stream waits or is under way."""
        return bool(self._waiting or self.running)

    @property
    def unfinished(self) -> list[str]:
        """Names of the streams under way and of those waiting."""
        return [*self.running, *(spec.name for spec in self._waiting)]

    @property
    def progress(self) -> int | None:
        """Number of records that have passed all stages; None while no record is in flight."""
        logbooks = [stream.logbook for stream in self.running.values()]
        if not any(next(logbook.unacknowledged(), None) for logbook in logbooks):
            return None
        return sum(logbook[SharedNumber.ACKNOWLEDGED] for logbook in logbooks)

    @property
    def completing(self) -> bool:
        """Whether the files of any stream are being completed."""
        return any(stream.completing for stream in self.running.values())

    def add(self, location: str, name: str) -> list[str]:
        """Queues the streams of a location; returns their names.

        Raises:
            ConfigError: See `streams_to_add`.
            OutputError: See `streams_to_add`.
            SourceError: See `streams_to_add`.
        """
        added = streams_to_add(location, name, self.unfinished, self._output)
        self._waiting += added
        for spec in added:
            self._forget_failure(spec.name)
        return [spec.name for spec in added]

    def remove(self, name: str) -> None:
        """Stops a running stream, drops a waiting one, or stops listing one that failed.

        Raises:
            ConfigError: There is no such stream.
        """
        if name in self.running:
            self.running[name].stop()
            return
        if self._forget_failure(name):
            return
        if name not in self.unfinished:
            known = ", ".join(self.unfinished)
            raise ConfigError(f"no stream {name}" + (f"; there are {known}" if known else ""))
        self._waiting = [spec for spec in self._waiting if spec.name != name]

    def _forget_failure(self, name: str) -> bool:
        """Stops listing and counting a stream that failed; returns whether it did fail."""
        self._monitor.forget_failures(name)
        return self._failed.pop(name, None) is not None

    def due(self) -> Iterator[SourceSpec]:
        """Removes from the queue the streams that should begin now, and yields them."""
        for spec in list(self._waiting):
            if self._ports is not None and len(self.running) == self._ports:
                return
            files = sum(not is_live(each.plan.location) for each in self.running.values())
            if is_live(spec.location) or files < self._runtime.parallel_streams:
                self._waiting.remove(spec)
                yield spec

    def begin(
        self,
        spec: SourceSpec,
        decoder: StageProcess,
        folder: RuntimeFolder,
        context: zmq.Context,
        *,
        only_one: bool,
        patient: bool = False,
    ) -> None:
        """Begins a stream whose decoder is yet to be started.

        ``only_one`` and ``patient``: see `StreamPlan`.

        Raises:
            OSError: There is no descriptor, memory or port for another stream.
            zmq.ZMQError: For the same reasons.
        """
        check_descriptors(len(self.running), self._config)
        runtime = self._runtime
        live = runtime.mode == "live" or (runtime.mode == "auto" and is_live(spec.location))
        channel = self._next_channel(folder)
        entries = 2 * runtime.slots + _SPARE_ENTRIES
        with contextlib.ExitStack() as undo:
            undo.callback(folder.remove_stream, channel)
            logbook = folder.add_stream(channel, spec.name, entries=entries, lossless=not live)
            feedback = undo.enter_context(context.socket(zmq.PUSH))
            feedback.connect(endpoint(folder.path, runtime, f"ack-{channel}"))
            undo.pop_all()
        plan = StreamPlan(
            spec.name,
            spec.location,
            spec.layout,
            spec.frame_rate,
            channel,
            only_one=only_one,
            patient=patient,
        )
        self._monitor.begun(spec.name, logbook)
        self.running[spec.name] = RunningStream(plan, logbook, decoder, feedback, folder)

    def _next_channel(self, folder: RuntimeFolder) -> int:
        """Returns a channel that no stream has had, and whose TCP port is free.

        Raises:
            OSError: All ports are taken.
        """
        ports = self._ports
        if ports is None:
            return next(self._channels)
        ours = {stream.plan.channel % ports for stream in self.running.values()}
        for channel in itertools.islice(self._channels, ports):
            address = endpoint(folder.path, self._runtime, f"ack-{channel}")
            if channel % ports not in ours and not is_taken(address):
                return channel
        raise OSError(errno.EADDRINUSE, f"all {ports} ports after runtime.port are in use")

    def stop(self) -> None:
        """Stops all streams under way, and drops those waiting."""
        self._waiting.clear()
        for stream in self.running.values():
            stream.stop()

    def end(self, name: str) -> RunningStream:
        """Removes and returns a running stream that has ended."""
        stream = self.running.pop(name)
        stream.close()
        if (failed := self._failed.get(name)) is not None:  # it has progressed since then
            self._list_failed(name, stream.plan.location, failed.error)
        self._monitor.ended(name)
        return stream

    def fail(self, name: str, location: str, message: str) -> None:
        """Records that an error ends a stream; it stays listed until added again or removed."""
        self._list_failed(name, location, message)
        self._monitor.failed(name)

    def _list_failed(self, name: str, location: str, message: str) -> None:
        view = self._monitor.view(name, redact(location))
        self._failed[name] = msgspec.structs.replace(
            view,
            state="failed",
            fps=0.0,
            error=message,
            overlay_is_stuck=False,
            overlay_is_unsent=False,
            recording_is_stuck=False,
            zones={zone: counts._replace(inside=0) for zone, counts in view.zones.items()},
        )

    def views(self) -> list[StreamView]:
        """Returns a view of each stream: running, then waiting, then failed."""
        waiting = (self._monitor.view(spec.name, redact(spec.location)) for spec in self._waiting)
        ended = (view for name, view in self._failed.items() if name not in self.running)
        return [*map(self._view, self.running.values()), *waiting, *ended]

    def _view(self, stream: RunningStream) -> StreamView:
        location = redact(stream.plan.location)
        return self._monitor.view(stream.plan.name, location, stopping=stream.stopping)
