"""The plan that a worker process is given when it starts."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, TypeVar

import msgspec

from pipeline.addresses import endpoint, memory_path
from pipeline.config import RunConfig

StageName = Literal["decoder", "detector", "tracker", "sink"]

_Struct = TypeVar("_Struct", bound=msgspec.Struct)


class StreamPlan(msgspec.Struct, frozen=True):
    """One stream: its source and its channel, see `pipeline.transport.envelope.Envelope`.

    ``give_up_reason`` is why the decoder must end the stream where it is, "" to decode it.
    ``only_one`` is set if the run would have nothing to do without this stream; ``patient`` if a
    password that its camera refuses is tried again, see `LiveOptions`.
    """

    name: str
    location: str
    layout: str
    frame_rate: str
    channel: int
    give_up_reason: str = ""
    only_one: bool = False
    patient: bool = False


STAGE_ENDED = 90
"""Exit status of a stage process whose work is done.

Not 0, which an ``exit`` in the user's code may give, and none of Python's or of `SpotStreamError`.
"""


class WorkerPlan(msgspec.Struct, frozen=True, kw_only=True):
    """Everything a worker needs; sent to its standard input as JSON, see `encode_struct`.

    Attributes:
        stage: Stage to run.
        worker: Index of the detector, 0 for the other stages.
        detected_by: What a detector's predecessor computed detections with, "" if it has none.
        config: The run's configuration.
        streams: For a decoder, its own stream; for the other stages, the streams that have begun.
        output: Results folder.
        sockets: Folder of the ``ipc://`` sockets and of the links to the streams' memory.
        give_up_reason: Why the sink must end all streams where they are, "" to work normally.
        text_only: Whether the sink then abandons their overlays, for lack of disk space.
        debug: Whether an error in the program shows its traceback.
        json_log: Whether log lines are JSON.
    """

    stage: StageName
    worker: int = 0
    detected_by: str = ""
    config: RunConfig
    streams: list[StreamPlan]
    output: str
    sockets: str
    give_up_reason: str = ""
    text_only: bool = False
    debug: bool = False
    json_log: bool = False

    @property
    def run(self) -> str:
        """Unique name of the run."""
        return Path(self.sockets).name

    @property
    def own_stream(self) -> str:
        """Name of a decoder's stream, "" for the other stages."""
        return self.streams[0].name if self.stage == "decoder" else ""

    def endpoint(self, name: str) -> str:
        """Returns the address of ``control``, ``tracker``, ``sink``, ``detector-N``, ``ack-N``."""
        return endpoint(self.sockets, self.config.runtime, name)

    def ring(self, channel: int) -> str:
        """Returns the path of a stream's frame ring."""
        return memory_path(self.sockets, "ring", channel)

    def logbook(self, channel: int) -> str:
        """Returns the path of a stream's logbook."""
        return memory_path(self.sockets, "logbook", channel)

    def folder(self, stream: str) -> Path:
        """Returns the folder for the results of a stream."""
        return Path(self.output) / stream


def encode_struct(value: msgspec.Struct) -> bytes:
    """Encodes a struct, which may contain paths, for another process or a file."""
    return msgspec.json.encode(value, enc_hook=str)  # paths


def decode_struct(content: bytes, kind: type[_Struct]) -> _Struct:
    """Decodes a struct of type ``kind`` that `encode_struct` encoded."""
    return msgspec.json.decode(content, type=kind, dec_hook=lambda path, text: path(text))
