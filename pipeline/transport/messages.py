"""Encodes records as ZeroMQ multipart messages: ``[stream id, header, arrays, pixels]``.

Nothing is pickled. The header is a typed struct in msgpack that states the protocol version; empty
parts are left out. Arrays are concatenated as raw bytes, in an order that depends on the kind of
header and keeps each array aligned. Sizes are checked against the header before an array is made.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from typing import Annotated, Any, TypeAlias, Union

import msgspec
import numpy as np
import numpy.typing as npt

from pipeline.transport.envelope import MAX_POSITION, Envelope, Heartbeat, Record
from stages.measurements import Crossings, GroundPlaces, ZoneEvents
from stages.records import (
    Detections,
    Dropped,
    EndOfStream,
    Frame,
    FrameHeader,
    StreamStart,
    Tracks,
)
from stages.wording import counted

PROTOCOL_VERSION = 12
"""Changes with what messages contain and with when they are sent."""

MAX_SIDE = 65_535
"""Largest frame width or height, in pixels, that a message may state."""

_VIEW_NUMBERS = 9
_MAX_BOXES = 2**24
_I8, _F4, _I2, _U1 = (np.dtype(kind) for kind in (np.int64, np.float32, np.int16, np.uint8))

_Layout: TypeAlias = list[tuple[np.dtype[Any], tuple[int, ...]]]  # types and shapes of arrays
_Boxes: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=_MAX_BOXES)]


class MessageError(ValueError):
    """A message that does not parse; the receiver counts and drops it."""


class VersionError(MessageError):
    """A message of another protocol version."""

    def __init__(self, version: int) -> None:
        super().__init__(f"protocol version {version}, expected {PROTOCOL_VERSION}")


class _Header(msgspec.Struct, tag_field="kind", frozen=True, kw_only=True):
    version: int = PROTOCOL_VERSION
    channel: Annotated[int, msgspec.Meta(ge=0, le=MAX_POSITION)] = 0
    position: Annotated[int, msgspec.Meta(ge=0, le=MAX_POSITION)] = 0
    run: str = ""


class _AnyHeader(msgspec.Struct, frozen=True):
    version: int


class _OfFrame(_Header, frozen=True, kw_only=True):
    frame: FrameHeader
    slot: int | None
    inline: bool
    work_ns: dict[str, int]
    motion: bool


class _Frame(_OfFrame, tag="frame", frozen=True, kw_only=True):
    pass


class _Detections(_OfFrame, tag="detections", frozen=True, kw_only=True):
    count: _Boxes


class _Tracks(_OfFrame, tag="tracks", frozen=True, kw_only=True):
    count: _Boxes
    tracks: _Boxes


_TAGS: dict[type[Record], str] = {
    StreamStart: "start",
    Dropped: "dropped",
    EndOfStream: "end",
    Crossings: "crossings",
    ZoneEvents: "zones",
    GroundPlaces: "ground",
    Heartbeat: "alive",
}
_HEADERS = {
    kind: msgspec.defstruct(
        f"_{kind.__name__}", [("record", kind)], bases=(_Header,), tag=tag, kw_only=True
    )
    for kind, tag in _TAGS.items()
}


def encode_extra(value: Any) -> Any:
    """Encodes fractions for msgspec."""
    if isinstance(value, Fraction):
        return (value.numerator, value.denominator)
    raise TypeError(f"cannot encode {type(value)}")


def decode_extra(kind: type, value: Any) -> Any:
    """Decodes fractions for msgspec, see `encode_extra`."""
    if kind is Fraction:
        numerator, denominator = value
        return Fraction(int(numerator), int(denominator))
    raise TypeError(f"cannot decode {kind}")


_encoder = msgspec.msgpack.Encoder(enc_hook=encode_extra)
_decoder = msgspec.msgpack.Decoder(
    Union[*_HEADERS.values(), _Frame, _Detections, _Tracks], dec_hook=decode_extra
)


def encode(envelope: Envelope) -> list[bytes | memoryview]:
    """Encodes an envelope as the parts of one multipart message.

    Raises:
        ValueError: An array has another type or shape than `decode` takes. The receiver would drop
            the message, and a recorded video would wait for that frame for ever.
    """
    record, pixels = envelope.record, envelope.pixels
    header: msgspec.Struct
    arrays: list[npt.NDArray[Any]] = []
    common: dict[str, Any] = {
        "channel": envelope.channel,
        "position": envelope.position,
        "run": envelope.run,
    }
    if isinstance(record, Frame | Detections | Tracks):
        common |= {
            "slot": envelope.slot,
            "inline": pixels is not None,
            "work_ns": envelope.work_ns,
        }
        seen = record.detections if isinstance(record, Tracks) else record
        common["motion"] = seen.motion is not None
        of_frame: _OfFrame
        if isinstance(record, Frame):
            of_frame = _Frame(frame=record.header, **common)
        elif isinstance(record, Tracks):
            found = record.detections
            of_frame = _Tracks(frame=record.frame, count=len(found), tracks=len(record), **common)
            arrays = [record.ids, found.boxes, found.scores, record.boxes, record.scores,
                      found.classes, record.classes]  # fmt: skip
        else:
            of_frame = _Detections(frame=record.frame, count=len(record), **common)
            arrays = [record.boxes, record.scores, record.classes]
        if seen.motion is not None:
            arrays.insert(0, seen.motion)
        _check_arrays(arrays, of_frame)
        header = of_frame
    else:
        header = _HEADERS[type(record)](record=record, **common)
    parts: list[bytes | memoryview] = [envelope.stream.encode(), _encoder.encode(header)]
    if payload := b"".join([array.tobytes() for array in arrays]):
        parts.append(payload)
    if pixels is not None:
        parts.append(np.ascontiguousarray(pixels).data.cast("B"))
    return parts


def decode(parts: Sequence[Any]) -> Envelope:
    """Decodes what `encode` encoded; arrays are views of the message's bytes.

    Raises:
        MessageError: The message is malformed, or its payload does not match its header.
        VersionError: The message has another protocol version.
    """
    if len(parts) < 2:
        raise MessageError(f"{counted(len(parts), 'part')}, expected at least 2")
    try:
        header = _decoder.decode(parts[1])
    except (msgspec.MsgspecError, ValueError, TypeError, ArithmeticError, RecursionError) as error:
        _check_version(parts[1])
        raise MessageError(f"header: {error}") from error
    if header.version != PROTOCOL_VERSION:
        raise VersionError(header.version)
    if not isinstance(header, _OfFrame):
        return Envelope(
            header.record, channel=header.channel, position=header.position, run=header.run
        )
    frame = header.frame
    if not (1 <= frame.height <= MAX_SIDE and 1 <= frame.width <= MAX_SIDE):
        raise MessageError(f"a frame of {frame.width}x{frame.height}")
    if frame.view is not None and len(frame.view) not in (0, _VIEW_NUMBERS):
        raise MessageError(f"a view of {counted(len(frame.view), 'number')}")
    rest = list(parts[2:])
    arrays = _arrays(rest, _layout(header))
    motion = arrays.pop(0) if header.motion else None
    pixels = _arrays(rest, [(_U1, frame.shape)])[0] if header.inline else None
    if rest:
        raise MessageError(f"{counted(len(rest), 'payload part')} too many")
    record: Record
    if isinstance(header, _Frame):
        record = Frame(frame, pixels, motion)
    elif isinstance(header, _Detections):
        boxes, scores, classes = arrays
        record = Detections(frame, boxes, scores, classes, motion)
    else:
        ids, boxes, scores, track_boxes, track_scores, classes, track_classes = arrays
        record = Tracks(
            Detections(frame, boxes, scores, classes, motion),
            track_boxes,
            track_scores,
            track_classes,
            ids,
        )
    return Envelope(
        record,
        header.slot,
        header.work_ns,
        pixels,
        header.channel,
        header.position,
        header.run,
    )


def _check_version(header: bytes) -> None:
    """Raises `VersionError` if a header has another version, and so perhaps other fields."""
    try:
        version = msgspec.msgpack.decode(header, type=_AnyHeader).version
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return
    if version != PROTOCOL_VERSION:
        raise VersionError(version)


def _layout(header: _OfFrame) -> _Layout:
    """Returns the types and shapes of the arrays that follow a header."""
    layout: _Layout = [(_F4, (2, 3))] if header.motion else []
    if isinstance(header, _Tracks):
        found, tracks = header.count, header.tracks
        layout += [(_I8, (tracks,)), (_F4, (found, 4)), (_F4, (found,)), (_F4, (tracks, 4)),
                   (_F4, (tracks,)), (_I2, (found,)), (_I2, (tracks,))]  # fmt: skip
    elif isinstance(header, _Detections):
        found = header.count
        layout += [(_F4, (found, 4)), (_F4, (found,)), (_I2, (found,))]
    return layout


def _check_arrays(arrays: Sequence[npt.NDArray[Any]], header: _OfFrame) -> None:
    for array, (dtype, shape) in zip(arrays, _layout(header), strict=True):
        if array.dtype != dtype or array.shape != shape:
            frame, kind = header.frame, header.__struct_config__.tag
            raise ValueError(
                f"stream {frame.stream}, frame {frame.number}: {kind} with an array of "
                f"{array.dtype} {array.shape} instead of {dtype} {shape}"
            )


def _arrays(parts: list[Any], shapes: _Layout) -> list[npt.NDArray[Any]]:
    """Takes the first part out of ``parts``, unless all arrays are empty; returns its arrays."""
    size = sum([math.prod(shape) * dtype.itemsize for dtype, shape in shapes])
    payload = b""
    if size:
        if not parts:
            raise MessageError("a payload part is missing")
        payload = parts.pop(0)
    if len(payload) != size:
        raise MessageError(f"a payload part of {len(payload)} bytes instead of {size}")
    arrays, offset = [], 0
    for dtype, shape in shapes:
        array = np.ndarray(shape, dtype, payload, offset)
        offset += array.nbytes
        arrays.append(array)
    return arrays
