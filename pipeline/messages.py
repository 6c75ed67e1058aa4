"""Records as ZeroMQ multipart messages: ``[stream id, header, payload…]``, never pickled.

The header is msgpack of a typed struct with the protocol's version; the payload parts are raw array
bytes in the order that the header's kind fixes. Everything is checked against the header before an
array is made of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, TypeAlias

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

PROTOCOL_VERSION = 1

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
    """

    record: Record
    slot: int | None = None
    work_ns: dict[str, int] = field(default_factory=dict)
    pixels: UInt8Array | None = None
    waiting: int = 0


class _Header(msgspec.Struct, tag_field="kind", frozen=True, kw_only=True):
    version: int = PROTOCOL_VERSION


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
    waiting: int = 0


class _Frame(_OfFrame, tag="frame", frozen=True, kw_only=True):
    pass


class _Detections(_OfFrame, tag="detections", frozen=True, kw_only=True):
    count: int
    motion: bool


class _Tracks(_OfFrame, tag="tracks", frozen=True, kw_only=True):
    count: int
    motion: bool
    tracks: int


def _encode_extra(value: Any) -> Any:
    if isinstance(value, Fraction):
        return (value.numerator, value.denominator)
    raise TypeError(f"cannot encode {type(value)}")


def _decode_extra(kind: type, value: Any) -> Any:
    if kind is Fraction:
        numerator, denominator = value
        return Fraction(int(numerator), int(denominator))
    raise TypeError(f"cannot decode {kind}")


_encoder = msgspec.msgpack.Encoder(enc_hook=_encode_extra)
_decoder = msgspec.msgpack.Decoder(
    _Start | _Dropped | _End | _Frame | _Detections | _Tracks, dec_hook=_decode_extra
)


def encode(envelope: Envelope) -> list[bytes | memoryview]:
    """The parts of one multipart message."""
    record, pixels = envelope.record, envelope.pixels
    header: _Header
    arrays: list[npt.NDArray[Any]] = []
    if isinstance(record, StreamStart):
        stream, header = record.stream, _Start(record=record)
    elif isinstance(record, Dropped):
        stream, header = record.stream, _Dropped(record=record)
    elif isinstance(record, EndOfStream):
        stream, header = record.stream, _End(record=record)
    else:
        common: dict[str, Any] = {
            "slot": envelope.slot,
            "inline": pixels is not None,
            "work_ns": envelope.work_ns,
            "waiting": envelope.waiting,
        }
        if isinstance(record, Frame):
            frame = record.header
            header = _Frame(frame=frame, **common)
        else:
            frame = record.frame
            detections = record.detections if isinstance(record, Tracks) else record
            common |= {"count": len(detections), "motion": detections.motion is not None}
            arrays += [detections.boxes, detections.scores, detections.classes]
            if detections.motion is not None:
                arrays.append(detections.motion)
            if isinstance(record, Tracks):
                header = _Tracks(frame=frame, tracks=len(record), **common)
                arrays += [record.boxes, record.scores, record.classes, record.ids]
            else:
                header = _Detections(frame=frame, **common)
        stream = frame.stream
        if pixels is not None:
            arrays.append(pixels)
    payload = [
        np.ascontiguousarray(array).data.cast("B") if array.size else b"" for array in arrays
    ]
    return [stream.encode(), _encoder.encode(header), *payload]


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
    except (msgspec.MsgspecError, ValueError, TypeError, ZeroDivisionError) as error:
        raise MessageError(f"header: {error}") from error
    if header.version != PROTOCOL_VERSION:
        raise MessageError(f"protocol version {header.version}, expected {PROTOCOL_VERSION}")
    if isinstance(header, _Start | _Dropped | _End):
        return Envelope(header.record)
    reader = _Payload(parts[2:])
    frame = header.frame
    record: Record
    if isinstance(header, _Frame):
        pixels = reader.pixels(frame) if header.inline else None
        record = Frame(frame, pixels)
    else:
        detections = Detections(
            frame,
            reader.take(np.float32, header.count, 4),
            reader.take(np.float32, header.count),
            reader.take(np.int16, header.count),
            reader.take(np.float32, 2, 3) if header.motion else None,
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
    return Envelope(record, header.slot, header.work_ns, pixels, header.waiting)


class _Payload:
    def __init__(self, parts: Sequence[Any]) -> None:
        self._parts = list(parts)

    def take(self, dtype: Any, *shape: int) -> npt.NDArray[Any]:
        if not self._parts:
            raise MessageError("a payload part is missing")
        part = self._parts.pop(0)
        if min(shape) < 0 or len(part) != np.dtype(dtype).itemsize * int(np.prod(shape)):
            raise MessageError(
                f"a payload part of {len(part)} bytes is no {shape} {np.dtype(dtype)}"
            )
        return np.frombuffer(part, dtype).reshape(shape)

    def pixels(self, frame: FrameHeader) -> UInt8Array:
        return self.take(np.uint8, *frame.shape)

    def finish(self) -> None:
        if self._parts:
            raise MessageError(f"{len(self._parts)} payload parts too many")
