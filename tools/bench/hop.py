"""One hop between two processes: the pipeline's own transport, and bare ZeroMQ."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import zmq

from pipeline.config_file import load_config
from pipeline.plan import StreamPlan, WorkerPlan
from pipeline.reporter import ReportReceiver
from pipeline.supervision.process import ENVIRONMENT, start_worker
from pipeline.supervision.runtime_folder import RuntimeFolder
from pipeline.transport.envelope import Envelope
from pipeline.transport.feedback import Acknowledged, encode_feedback
from pipeline.transport.link import Receiver
from stages.decoder.blank_source import blank_location
from stages.errors import SpotStreamError
from stages.records import EndOfStream, Frame, PixelFormat
from tools.bench.figures import CPU, RATE
from tools.bench.processor import cpu_seconds

SENDER = Path(__file__).with_name("bare_sender.py")
LATENCIES = {"p50 ms": 50, "p99 ms": 99}
_SKIPPED = 0.1  # fraction of the messages that is not counted, while both ends warm up
_SECONDS = 120.0
_SLOTS = 8

Transport = Literal["ipc", "tcp"]


@dataclass(frozen=True, slots=True)
class Load:
    """The frames to send.

    Attributes:
        height: Height in pixels.
        width: Width in pixels.
        pixel_format: Pixel format of the frames.
        frames: Number of frames.
        rate: Frames per second; 0 for as fast as possible.
    """

    height: int = 1080
    width: int = 1920
    pixel_format: PixelFormat = PixelFormat.BGR24
    frames: int = 200
    rate: int = 0

    @property
    def frame_bytes(self) -> int:
        """Bytes of a frame."""
        return int(np.prod(self.pixel_format.shape(self.height, self.width)))

    def location(self) -> str:
        """Returns the location of a source that delivers these frames at no cost."""
        shape = self.height, self.width, self.frames, self.pixel_format
        return blank_location(*shape, self.rate or 25)


def our_hop(
    load: Load, frames: Literal["shared", "inline"], transport: Transport, port: int
) -> dict[str, float]:
    """Sends frames from a decoder process to this one, which acknowledges each on arrival.

    Args:
        load: The frames.
        frames: Whether pixels travel in shared memory or inline in the messages.
        transport: Transport of the messages.
        port: First TCP port; some 70 are used.

    Returns:
        Frames per second and CPU time; if the load has a rate, milliseconds from capture to
        arrival.

    Raises:
        SpotStreamError: A port is in use, or the decoder's process failed.
    """
    with _free_ports(port), tempfile.TemporaryDirectory(prefix="spotstream-bench-") as output:
        pace = "original" if load.rate else "fast"
        config = load_config(
            None,
            [
                f"runtime.frames={frames}",
                f"runtime.transport={transport}",
                f"runtime.port={port}",
                f"runtime.slots={_SLOTS}",
                f"decoder.pace={pace}",
            ],
        )
        folder = RuntimeFolder(output)
        context = zmq.Context()
        try:
            folder.add_stream(0, "blank", entries=4 * _SLOTS, lossless=True)
            stream = StreamPlan("blank", load.location(), "", "", 0)
            plan = WorkerPlan(
                stage="decoder",
                config=config,
                streams=[stream],
                output=output,
                sockets=folder.path,
            )
            ReportReceiver(context, plan.endpoint("control"))
            receiver = Receiver(context, plan.endpoint("detector-0"), copy=frames == "shared")
            feedback = context.socket(zmq.PUSH)
            feedback.connect(plan.endpoint("ack-0"))
            with _killed_after(start_worker(plan)) as process:
                arrivals = _Arrivals(load, process.pid)
                while True:
                    envelope = _receive(receiver, process)
                    if isinstance(envelope.record, Frame):
                        arrivals.add(envelope.record.header.captured_ns)
                    feedback.send(encode_feedback(Acknowledged(envelope.position + 1)))
                    if isinstance(envelope.record, EndOfStream):
                        break
                process.wait(_SECONDS)
            return arrivals.values()
        finally:
            context.destroy(linger=0)
            folder.close()


def bare_hop(load: Load, message_bytes: int, transport: Transport, port: int) -> dict[str, float]:
    """Does the same with dummy messages over a bare PUSH and PULL pair.

    Raises:
        SpotStreamError: The port is in use, or nothing arrived in time.
    """
    with _free_ports(port), tempfile.TemporaryDirectory(prefix="spotstream-bench-") as folder:
        endpoint = f"tcp://127.0.0.1:{port}" if transport == "tcp" else f"ipc://{folder}/bare"
        queue = _SLOTS if message_bytes > 2**16 else 1000
        context = zmq.Context()
        try:
            socket = context.socket(zmq.PULL)
            socket.rcvhwm = queue
            socket.rcvtimeo = round(_SECONDS * 1000)
            socket.bind(endpoint)
            numbers = [message_bytes, load.frames, load.rate, queue]
            sender = subprocess.Popen(
                [sys.executable, str(SENDER), endpoint, *map(str, numbers)],
                env=ENVIRONMENT | dict(os.environ),
                start_new_session=True,  # Ctrl-C reaches only the bench, which kills it
            )
            with _killed_after(sender) as process:
                arrivals = _Arrivals(load, process.pid)
                for _ in range(load.frames):
                    if message_bytes > 2**16:
                        arrivals.add(_time(socket.recv(copy=False).buffer))
                    else:
                        arrivals.add(_time(memoryview(socket.recv())))
            return arrivals.values()
        except zmq.Again as error:
            raise SpotStreamError(f"nothing arrived for {_SECONDS:g} s") from error
        finally:
            context.destroy(linger=0)


@contextmanager
def _free_ports(first: int) -> Iterator[None]:
    """Raises a `SpotStreamError` if the block cannot bind a port."""
    try:
        yield
    except zmq.ZMQError as error:
        if error.errno != errno.EADDRINUSE:
            raise
        raise SpotStreamError(
            f"TCP port {first} or one after it is in use; wait for the other program to end, or "
            "choose another --port in bench transport"
        ) from error


def _receive(receiver: Receiver, sender: subprocess.Popen[bytes]) -> Envelope:
    """Returns the next record; raises if the sender has ended or sends nothing for too long."""
    for _ in range(round(_SECONDS)):
        ended = sender.poll()
        if envelope := receiver.receive(1.0):
            return envelope
        if ended is not None:
            raise SpotStreamError(f"the decoder ended with status {ended}")
    raise SpotStreamError(f"the decoder sent nothing for {_SECONDS:g} s")


class _Arrivals:
    """Times at which messages were sent and arrived."""

    def __init__(self, load: Load, sender: int) -> None:
        self._processes = sender, os.getpid()
        self._cpu: list[float] = []
        self._frames = load.frames
        self._paced = bool(load.rate)
        self._first = int(load.frames * _SKIPPED)
        self._arrived: list[int] = []
        self._delays: list[int] = []

    def add(self, sent_ns: int) -> None:
        if len(self._arrived) in (self._first, self._frames - 1):
            self._cpu.append(sum(map(cpu_seconds, self._processes)))
        self._arrived.append(time.monotonic_ns())
        self._delays.append(time.time_ns() - sent_ns)

    def values(self) -> dict[str, float]:
        counted = self._arrived[self._first :]
        if self._paced:
            delays = np.percentile(self._delays[self._first :], list(LATENCIES.values())) / 1e6
            return dict(zip(LATENCIES, delays.tolist(), strict=True))
        intervals = len(counted) - 1
        return {
            RATE: intervals / max(1e-9, (counted[-1] - counted[0]) / 1e9),
            CPU: max(1e-9, self._cpu[-1] - self._cpu[0]) / intervals * 1e3,
        }


def _time(message: memoryview) -> int:
    return int.from_bytes(message[:8], "little")


@contextmanager
def _killed_after(process: subprocess.Popen[bytes]) -> Iterator[subprocess.Popen[bytes]]:
    """Kills the process at the end of the block."""
    try:
        yield process
    finally:
        process.kill()
        process.wait()
