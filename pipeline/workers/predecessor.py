"""The state that the earlier decoders of a stream leave to the next one."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from pipeline.transport.envelope import Record
from pipeline.transport.logbook import Logbook, SharedNumber
from pipeline.transport.messages import decode
from stages.records import Dropped, DropReason, EndOfStream, Frame, StreamStart


@dataclass(frozen=True, slots=True)
class Predecessor:
    """Progress of the earlier decoders of a stream; none if there was no earlier decoder.

    Attributes:
        sent: Slots of the records sent but not acknowledged, by position and in order; None for a
            record other than a frame.
        position: Position after the last one sent.
        given: Number of frames accounted for, as sent or as dropped.
        ended: Whether the end of the stream was sent.
        yielded: Number of records sent, as a source that starts from the beginning yields them.
        lost: Frames that were still waiting to be sent, None if there were none. A source that
            starts from the beginning yields them again.
    """

    sent: dict[int, int | None]
    position: int
    given: int
    ended: bool
    yielded: int
    lost: Dropped | None

    @classmethod
    def in_logbook(cls, logbook: Logbook) -> Predecessor:
        """Reads the progress from a stream's logbook."""
        sent = {
            position: decode(msgspec.msgpack.decode(message))
            for position, message in logbook.unacknowledged()
        }
        position = max(sent) + 1 if sent else logbook[SharedNumber.ACKNOWLEDGED]
        message = logbook.message(position - 1) if position else None
        last = None if message is None else decode(msgspec.msgpack.decode(message)).record
        # A decoder killed between the two steps has kept a message without accounting for it.
        ends = [_end_of(envelope.record) for envelope in sent.values()]
        given = max([logbook[SharedNumber.ACCOUNTED], *ends])
        ended = isinstance(last, EndOfStream)
        yielded = 0
        if logbook[SharedNumber.LOSSLESS]:
            yielded = position
        elif last is not None:  # one record may report many dropped frames
            yielded = _epoch(last) + 1 + given
        return cls(
            {number: envelope.slot for number, envelope in sent.items()},
            position,
            given,
            ended,
            yielded,
            None if ended else _lost(logbook, given),
        )


def _lost(logbook: Logbook, given: int) -> Dropped | None:
    following = logbook[SharedNumber.SEQUENCE]
    if given >= following:
        return None
    epoch = logbook[SharedNumber.EPOCHS] - 1
    return Dropped(logbook.stream, epoch, given, following - 1, DropReason.RESTARTED)


def _end_of(record: Record) -> int:
    """Returns the number after that of a record's last frame; 0 if the record has no frames."""
    if isinstance(record, Frame):
        return record.header.sequence + 1
    return record.last + 1 if isinstance(record, Dropped) else 0


def _epoch(record: Record) -> int:
    if isinstance(record, StreamStart | Dropped | EndOfStream):
        return record.epoch
    assert isinstance(record, Frame)
    return record.header.epoch
