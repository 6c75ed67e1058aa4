"""A flood of malformed and hostile messages."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence

import numpy as np
import zmq

from pipeline.transport.envelope import Envelope, Record
from pipeline.transport.feedback import Acknowledged, encode_feedback
from pipeline.transport.messages import encode
from stages.records import Detections, Dropped, DropReason, Frame, FrameHeader, PixelFormat, Tracks

_VARIANTS = 2000
_STRANGER = 2**40  # a channel that no run has


def flood(endpoints: Sequence[str], messages: int, seed: int) -> None:
    """Sends ``messages`` messages to each endpoint, and waits until all are accepted."""
    variants = list(_messages(random.Random(seed), _VARIANTS))
    with zmq.Context() as context:
        for endpoint in endpoints:
            kind = zmq.DEALER if endpoint.endswith("commands") else zmq.PUSH
            with context.socket(kind) as socket:
                socket.connect(endpoint)
                for number in range(messages):
                    socket.send_multipart(variants[number % len(variants)])
                    if kind == zmq.DEALER:
                        while socket.poll(0):
                            socket.recv_multipart()
                socket.linger = 5000


def _messages(rng: random.Random, count: int) -> Iterator[list[bytes]]:
    valid = _valid_messages()
    for _ in range(count):
        choice = rng.random()
        if choice < 0.2:
            yield [rng.randbytes(rng.randrange(200)) for _ in range(rng.randrange(1, 20))]
        elif choice < 0.3:
            yield [b"cam", b"\x91" * rng.randrange(1, 5000)]  # deeply nested arrays
        elif choice < 0.35:
            yield [b"cam", b"\xdf\xff\xff\xff\xff", b"\xdd\xff\xff\xff\xff"]  # claims 4 GiB
        else:
            parts = [bytes(part) for part in rng.choice(valid)]
            yield [_corrupted(part, rng) for part in parts]


def _corrupted(part: bytes, rng: random.Random) -> bytes:
    corrupted = bytearray(part)
    for _ in range(rng.randrange(3)):
        if corrupted:
            corrupted[rng.randrange(len(corrupted))] = rng.randrange(256)
    return bytes(
        corrupted[: rng.randrange(len(corrupted) + 1)] if rng.random() < 0.1 else corrupted
    )


def _valid_messages() -> list[list[bytes | memoryview]]:
    header = FrameHeader.of_image(48, 64, "stranger", pixel_format=PixelFormat.YUV420P)
    boxes = np.full((2, 4), np.nan, np.float32)
    found = Detections(header, boxes, boxes[:, 0], np.zeros(2, np.int16))
    records: list[Record] = [
        Frame(header, None),
        found,
        Tracks(found, boxes, boxes[:, 0], np.zeros(2, np.int16), np.zeros(2, np.int64)),
        Dropped("stranger", 0, 0, 2**60, DropReason.BROKEN),
    ]
    envelopes = [Envelope(record, 2**31, channel=_STRANGER) for record in records]
    return [*map(encode, envelopes), [encode_feedback(Acknowledged(0))]]
