"""What a worker process is told when it starts."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, TypeVar

import msgspec

from pipeline.addresses import endpoint, memory_path
from pipeline.config import RunConfig

StageName = Literal["decoder", "detector", "tracker", "sink"]

_Plan = TypeVar("_Plan", bound=msgspec.Struct)


class StreamPlan(msgspec.Struct, frozen=True):
    """One stream: where it comes from, and its channel, see `pipeline.transport.messages.Envelope`.

    ``give_up_reason`` tells why a decoder is to end the stream where it is, "" for decoding;
    ``only_one`` that without it the run would have nothing to do.
    """

    name: str
    location: str
    layout: str
    frame_rate: str
    channel: int
    give_up_reason: str = ""
    only_one: bool = False


class WorkerPlan(msgspec.Struct, frozen=True, kw_only=True):
    """All that a worker needs; sent to its standard input as JSON, see `encode_plan`.

    Attributes:
        stage: Which stage to run.
        worker: Which of several detectors.
        config: Of the run.
        streams: A decoder's own stream; for the other stages those that they may find begun.
        output: Results folder.
        sockets: Folder of the ``ipc://`` sockets and of the streams' memory.
        give_up_reason: Why the sink is to end all streams where they are, "" for its usual work.
        text_only: Whether it then gives up their overlays, for want of room.
        debug: Whether an error in the program shows its traceback.
        json_log: Whether log lines are JSON.
    """

    stage: StageName
    worker: int = 0
    config: RunConfig
    streams: list[StreamPlan]
    output: str
    sockets: str
    give_up_reason: str = ""
    text_only: bool = False
    debug: bool = False
    json_log: bool = False

    @property
    def own_stream(self) -> str:
        """Name of a decoder's stream, "" of the other stages."""
        return self.streams[0].name if self.stage == "decoder" else ""

    def endpoint(self, name: str) -> str:
        """Address of ``control``, ``tracker``, ``sink``, ``detector-<n>`` or ``ack-<n>``."""
        return endpoint(self.sockets, self.config.runtime, name)

    def ring(self, channel: int) -> str:
        """Where a stream's frame ring lies."""
        return memory_path(self.sockets, "ring", channel)

    def logbook(self, channel: int) -> str:
        """Where a stream's logbook lies."""
        return memory_path(self.sockets, "logbook", channel)

    def folder(self, stream: str) -> Path:
        """Where the results of a stream go."""
        return Path(self.output) / stream


def encode_plan(plan: msgspec.Struct) -> bytes:
    """A plan as it is sent to a process."""
    return msgspec.json.encode(plan, enc_hook=str)  # paths


def decode_plan(content: bytes, kind: type[_Plan]) -> _Plan:
    """What `encode_plan` made of a plan of that kind."""
    return msgspec.json.decode(content, type=kind, dec_hook=lambda path, text: path(text))
