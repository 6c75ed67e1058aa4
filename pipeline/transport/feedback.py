"""Messages to a decoder about the records that it has sent."""

from __future__ import annotations

from typing import TypeAlias

import msgspec

from pipeline.transport.messages import MessageError


class Acknowledged(msgspec.Struct, tag="acknowledged", frozen=True):
    """Informs a decoder that all positions below ``position`` are in the results."""

    position: int


class Resend(msgspec.Struct, tag="resend", frozen=True):
    """Asks a decoder to resend messages to detector ``worker`` (None: any) that may be lost."""

    worker: int | None


Feedback: TypeAlias = Acknowledged | Resend
"""The messages sent back to a decoder."""

_decoder: msgspec.msgpack.Decoder[Feedback] = msgspec.msgpack.Decoder(Feedback)


def encode_feedback(message: Feedback) -> bytes:
    """Encodes a message to a decoder."""
    return msgspec.msgpack.encode(message)


def decode_feedback(message: bytes) -> Feedback:
    """Decodes what `encode_feedback` encoded.

    Raises:
        MessageError: The message is malformed or of an unknown kind.
    """
    try:
        return _decoder.decode(message)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise MessageError(str(error)) from error
