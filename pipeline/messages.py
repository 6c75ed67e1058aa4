"""Records as ZeroMQ multipart messages: ``[stream id, header, payload…]``, never pickled.

The header is msgpack of a typed struct with the protocol's version; the payload parts are raw array
bytes in the order that the header's kind fixes. Everything is checked against the header before an
array is made of it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Annotated, Any, TypeAlias

import msgspec
import numpy as np
import numpy.typing as npt

from stages.records import (
    Detections,
    Dropped,
    EndOfStream,
    Frame,
    FrameHeader,
    StreamStart,
    Tracks,
    UInt8Array,
)

PROTOCOL_VERSION = 3
_MOST = 2**62
_LARGEST_SIDE = 65_535

Record: TypeAlias = StreamStart | Frame | Detections | Tracks | Dropped | EndOfStream


class MessageError(ValueError):
    """A message that does not parse; the receiver counts and drops it."""


@dataclass(frozen=True, slots=True, eq=False)
class Envelope:
    """A record on its way, and what travels with it.

    Attributes:
        record: The record.
        slot: Slot of the frame ring that holds the pixels; None where they travel inline.
        work_ns: How long each stage has worked on the frame, ns by stage name.
        pixels: Inline pixels, or None.
        waiting: Records of the stream that waited to be sent when this frame was.
        channel: Number of the stream's ring, logbook and way back; never used twice in a run.
        position: 0-based, +1 with each record of the stream, whatever its kind.
    """

    record: Record
    slot: int | None = None
    work_ns: dict[str, int] = field(default_factory=dict)
    pixels: UInt8Array | None = None
    waiting: int = 0
    channel: int = 0
    position: int = 0

    @property
    def stream(self) -> str:
        """Name of the stream."""
        record = self.record
        if isinstance(record, Frame):
            return record.header.stream
        return record.frame.stream if isinstance(record, Detections | Tracks) else record.stream


class _Header(msgspec.Struct, tag_field="kind", frozen=True, kw_only=True):
    version: int = PROTOCOL_VERSION
    channel: Annotated[int, msgspec.Meta(ge=0, le=_MOST)] = 0
    position: Annotated[int, msgspec.Meta(ge=0, le=_MOST)] = 0


class _Start(_Header, tag="start", frozen=True, kw_only=True):
    record: StreamStart


class _Dropped(_Header, tag="dropped", frozen=True, kw_only=True):
    record: Dropped


class _End(_Header, tag="end", frozen=True, kw_only=True):
    record: EndOfStream


class _OfFrame(_Header, frozen=True, kw_only=True):
    frame: FrameHeader
    slot: int | None
    inline: bool
    work_ns: dict[str, int]
    motion: bool
    waiting: int = 0


class _Frame(_OfFrame, tag="frame", frozen=True, kw_only=True):
    pass


class _Detections(_OfFrame, tag="detections", frozen=True, kw_only=True):
    count: int


class _Tracks(_OfFrame, tag="tracks", frozen=True, kw_only=True):
    count: int
    tracks: int


def encode_extra(value: Any) -> Any:
    """For msgspec: fractions."""
    if isinstance(value, Fraction):
        return (value.numerator, value.denominator)
    raise TypeError(f"cannot encode {type(value)}")


def decode_extra(kind: type, value: Any) -> Any:
    """For msgspec: what `encode_extra` made."""
    if kind is Fraction:
        numerator, denominator = value
        return Fraction(int(numerator), int(denominator))
    raise TypeError(f"cannot decode {kind}")


_encoder = msgspec.msgpack.Encoder(enc_hook=encode_extra)
_decoder = msgspec.msgpack.Decoder(
    _Start | _Dropped | _End | _Frame | _Detections | _Tracks, dec_hook=decode_extra
)


def encode(envelope: Envelope) -> list[bytes | memoryview]:
    """The parts of one multipart message."""
    record, pixels = envelope.record, envelope.pixels
    header: _Header
    arrays: list[npt.NDArray[Any]] = []
    common: dict[str, Any] = {"channel": envelope.channel, "position": envelope.position}
    if isinstance(record, StreamStart):
        header = _Start(record=record, **common)
    elif isinstance(record, Dropped):
        header = _Dropped(record=record, **common)
    elif isinstance(record, EndOfStream):
        header = _End(record=record, **common)
    else:
        common |= {
            "slot": envelope.slot,
            "inline": pixels is not None,
            "work_ns": envelope.work_ns,
            "waiting": envelope.waiting,
        }
        seen = record.detections if isinstance(record, Tracks) else record
        common["motion"] = seen.motion is not None
        if seen.motion is not None:
            arrays.append(seen.motion)
        if isinstance(seen, Detections):
            common["count"] = len(seen)
            arrays += [seen.boxes, seen.scores, seen.classes]
        if isinstance(record, Frame):
            header = _Frame(frame=record.header, **common)
        elif isinstance(record, Tracks):
            header = _Tracks(frame=record.frame, tracks=len(record), **common)
            arrays += [record.boxes, record.scores, record.classes, record.ids]
        else:
            header = _Detections(frame=record.frame, **common)
        if pixels is not None:
            arrays.append(pixels)
    payload = [
        np.ascontiguousarray(array).data.cast("B") if array.size else b"" for array in arrays
    ]
    return [envelope.stream.encode(), _encoder.encode(header), *payload]


def decode(parts: Sequence[Any]) -> Envelope:
    """Reads what `encode` wrote; arrays are views of the message's bytes.

    Raises:
        MessageError: The message is not one of ours, of another version, or its payload does not
            match its header.
    """
    if len(parts) < 2:
        raise MessageError(f"{len(parts)} parts, expected at least 2")
    try:
        header = _decoder.decode(parts[1])
    except (msgspec.MsgspecError, ValueError, TypeError, ArithmeticError, RecursionError) as error:
        raise MessageError(f"header: {error}") from error
    if header.version != PROTOCOL_VERSION:
        raise MessageError(f"protocol version {header.version}, expected {PROTOCOL_VERSION}")
    if isinstance(header, _Start | _Dropped | _End):
        return Envelope(header.record, channel=header.channel, position=header.position)
    reader = _Payload(parts[2:])
    frame = header.frame
    if not (1 <= frame.height <= _LARGEST_SIDE and 1 <= frame.width <= _LARGEST_SIDE):
        raise MessageError(f"a frame of {frame.width}x{frame.height}")
    motion = reader.take(np.float32, 2, 3) if header.motion else None
    record: Record
    if isinstance(header, _Frame):
        pixels = reader.pixels(frame) if header.inline else None
        record = Frame(frame, pixels, motion)
    else:
        detections = Detections(
            frame,
            reader.take(np.float32, header.count, 4),
            reader.take(np.float32, header.count),
            reader.take(np.int16, header.count),
            motion,
        )
        record = detections
        if isinstance(header, _Tracks):
            record = Tracks(
                detections,
                reader.take(np.float32, header.tracks, 4),
                reader.take(np.float32, header.tracks),
                reader.take(np.int16, header.tracks),
                reader.take(np.int64, header.tracks),
            )
        pixels = reader.pixels(frame) if header.inline else None
    reader.finish()
    return Envelope(
        record,
        header.slot,
        header.work_ns,
        pixels,
        header.waiting,
        header.channel,
        header.position,
    )


class Settled(msgspec.Struct, tag="settled", frozen=True):
    """To a decoder: all positions below ``position`` are in the results."""

    position: int


class Resend(msgspec.Struct, tag="resend", frozen=True):
    """To a decoder: what went to the detector ``worker`` (None: to any) may be lost."""

    worker: int | None


Return: TypeAlias = Settled | Resend
"""What comes back to a decoder."""

_return_decoder = msgspec.msgpack.Decoder(Settled | Resend)


def encode_return(message: Return) -> bytes:
    """The bytes of a message to a decoder."""
    return msgspec.msgpack.encode(message)


def decode_return(message: bytes) -> Return:
    """Reads what `encode_return` wrote.

    Raises:
        MessageError: The message is none of them.
    """
    try:
        return _return_decoder.decode(message)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise MessageError(str(error)) from error


class _Payload:
    def __init__(self, parts: Sequence[Any]) -> None:
        self._parts = list(parts)

    def take(self, dtype: Any, *shape: int) -> npt.NDArray[Any]:
        if not self._parts:
            raise MessageError("a payload part is missing")
        part, dtype = self._parts.pop(0), np.dtype(dtype)
        if min(shape) < 0 or len(part) != dtype.itemsize * math.prod(shape):
            raise MessageError(f"a payload part of {len(part)} bytes is no {shape} {dtype}")
        return np.frombuffer(part, dtype).reshape(shape)

    def pixels(self, frame: FrameHeader) -> UInt8Array:
        return self.take(np.uint8, *frame.shape)

    def finish(self) -> None:
        if self._parts:
            raise MessageError(f"{len(self._parts)} payload parts too many")
