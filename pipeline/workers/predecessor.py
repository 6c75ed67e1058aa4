"""What the earlier decoders of a stream have left to the next one."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from pipeline.transport.envelope import Record
from pipeline.transport.logbook import Logbook, SharedNumber
from pipeline.transport.messages import decode
from stages.records import Dropped, DropReason, EndOfStream, Frame, StreamStart


@dataclass(frozen=True, slots=True)
class Predecessor:
    """How far the earlier decoders of a stream have come; without one, not at all.

    Attributes:
        sent: Positions that were sent without acknowledgement, in order, with the slots of frames.
        position: Position after the last one sent.
        given: Number of frames accounted for.
        ended: Whether the end of the stream was sent.
        yielded: Number of records sent, as a source that starts from the beginning yields them.
        lost: Frames that only waited to be sent; None without any. Such a source yields them again.
    """

    sent: dict[int, int | None]
    position: int
    given: int
    ended: bool
    yielded: int
    lost: Dropped | None

    @classmethod
    def in_logbook(cls, logbook: Logbook) -> Predecessor:
        """Returns what a stream's logbook tells."""
        sent = {
            position: decode(msgspec.msgpack.decode(message))
            for position, message in logbook.unacknowledged()
        }
        position = max(sent) + 1 if sent else logbook[SharedNumber.ACKNOWLEDGED]
        message = logbook.message(position - 1) if position else None
        last = None if message is None else decode(msgspec.msgpack.decode(message)).record
        # One that was killed between the two has kept a message that it did not account for.
        ends = [_end_of(envelope.record) for envelope in sent.values()]
        given = max([logbook[SharedNumber.ACCOUNTED], *ends])
        ended = isinstance(last, EndOfStream)
        yielded = 0
        if logbook[SharedNumber.LOSSLESS]:
            yielded = position
        elif last is not None:  # one record may tell of many frames that were dropped
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
    """Returns the number after those of a record's frames, 0 if it is of none."""
    if isinstance(record, Frame):
        return record.header.sequence + 1
    return record.last + 1 if isinstance(record, Dropped) else 0


def _epoch(record: Record) -> int:
    if isinstance(record, StreamStart | Dropped | EndOfStream):
        return record.epoch
    assert isinstance(record, Frame)
    return record.header.epoch
