"""State of a stream that must outlive the processes working on it.

A logbook is memory that the supervisor owns, like a frame ring. From it, the successor of a process
that died learns how far the stream has come, and which records were sent but are not in the results
yet. Each number has a single writer.
"""

from __future__ import annotations

import errno
import mmap
import os
from collections.abc import Iterator
from enum import IntEnum
from pathlib import Path

import numpy as np

from pipeline.transport.ring import FILE_LIMIT

ENTRY_BYTES = 8192
"""Bytes per entry; only a message with a source name of thousands of characters does not fit."""

_HEADER_BYTES = 4096
_NAME = 1024  # offset of the stream's name, preceded by its length
_REASON = 2048  # offset of the reason for abandoning the stream, preceded by its length
_REASON_BYTES = _HEADER_BYTES - _REASON - 2
_PREFIX_BYTES = 16  # position + 1, length


class SharedNumber(IntEnum):
    """The numbers of a logbook, initially 0; each comment begins with the writer."""

    ACKNOWLEDGED = 0  # sink: the positions below this one are in the results
    NEXT_ID = 1  # tracker: ids from here on were never assigned
    CAPTURED_NS = 2  # decoder: when its latest frame was captured, ns since the Unix epoch
    SEQUENCE = 3  # decoder: number of its next frame
    EPOCHS = 4  # decoder: epochs so far
    SEEN = 5  # decoder: frames of the source read so far, used or not
    ACCOUNTED = 6  # decoder: frames below this number were sent, or reported as dropped
    SLOT_BYTES = 7  # decoder: size of a slot in the ring
    WAITING = 8  # decoder: frames decoded and not yet sent
    CONNECTIONS = 9  # decoder: connections to a live source so far
    ENTRIES = 10  # supervisor: number of messages that the logbook holds
    LOSSLESS = 11  # supervisor: 1 if every frame must reach the results
    NOT_RECEIVED = 12  # decoder: frames of a live source that did not arrive
    RELEASED = 13  # supervisor: 1 once the stream has ended and its memory is released
    ABANDONED = 14  # supervisor: 1 if no decoder can end the stream, so that the sink must
    RECORDING_STUCK = 15  # decoder: 1 while the recording cannot be written


class Logbook:
    """The numbers of a stream, and its latest messages by position.

    Attributes:
        stream: Name of the stream.

    Args:
        path: A memory file, see `pipeline.transport.ring.create_memory_file`.
    """

    def __init__(self, path: str) -> None:
        descriptor = os.open(path, os.O_RDWR)
        try:
            self._map = mmap.mmap(descriptor, os.fstat(descriptor).st_size)
        finally:
            os.close(descriptor)
        self._numbers = np.frombuffer(self._map, np.uint64, len(SharedNumber))
        self.stream = self._text(_NAME)

    @classmethod
    def create(cls, path: str, *, stream: str, entries: int, lossless: bool) -> Logbook:
        """Turns the empty file at ``path`` into a stream's logbook for ``entries`` messages.

        Raises:
            OSError: The file cannot be enlarged.
        """
        try:
            os.truncate(path, _HEADER_BYTES + entries * ENTRY_BYTES)
        except OSError as error:
            if error.errno != errno.EFBIG:
                raise
            raise OSError(errno.EFBIG, f"{error.strerror}; {FILE_LIMIT}") from error
        name = stream.encode()
        with Path(path).open("r+b") as file:
            file.seek(_NAME)
            file.write(len(name).to_bytes(2, "little") + name)
        logbook = cls(path)
        logbook[SharedNumber.ENTRIES] = entries
        logbook[SharedNumber.LOSSLESS] = lossless
        return logbook

    def __getitem__(self, number: SharedNumber) -> int:
        return int(self._numbers[number])

    def __setitem__(self, number: SharedNumber, value: int) -> None:
        self._numbers[number] = value

    def abandon(self, reason: str) -> None:
        """Lets the sink complete the results as they are, since no decoder can end the stream.

        The first reason is kept; a reason that is too long is cut off.
        """
        if not self[SharedNumber.ABANDONED]:
            text = reason.encode(errors="replace")[:_REASON_BYTES]
            self._map[_REASON : _REASON + 2] = len(text).to_bytes(2, "little")
            self._map[_REASON + 2 : _REASON + 2 + len(text)] = text
            self[SharedNumber.ABANDONED] = 1

    @property
    def reason(self) -> str:
        """Why the stream was abandoned; "" if it was not."""
        return self._text(_REASON)

    def keep(self, position: int, message: bytes) -> bool:
        """Stores the message sent at ``position``, replacing the one ``ENTRIES`` positions earlier.

        Returns False, without storing anything, if the message does not fit into an entry.
        """
        if len(message) > ENTRY_BYTES - _PREFIX_BYTES:
            return False
        start = self._start(position)
        prefix = np.frombuffer(self._map, np.uint64, 2, start)
        prefix[0] = 0  # a process killed from here on leaves no entry rather than half of one
        self._map[start + _PREFIX_BYTES : start + _PREFIX_BYTES + len(message)] = message
        prefix[1] = len(message)
        prefix[0] = position + 1
        return True

    def message(self, position: int) -> bytes | None:
        """Returns the message sent at ``position``; None if it is not, or no longer, stored."""
        start = self._start(position)
        marker, length = np.frombuffer(self._map, np.uint64, 2, start).tolist()
        if marker != position + 1:
            return None
        return self._map[start + _PREFIX_BYTES : start + _PREFIX_BYTES + length]

    def unacknowledged(self) -> Iterator[tuple[int, bytes]]:
        """Yields, in order, the positions and messages sent but not in the results yet."""
        position = self[SharedNumber.ACKNOWLEDGED]
        while (message := self.message(position)) is not None:
            yield position, message
            position += 1

    def close(self) -> None:
        """Releases the memory; the logbook must not be used afterwards."""
        del self._numbers
        self._map.close()

    def _text(self, start: int) -> str:
        length = int.from_bytes(self._map[start : start + 2], "little")
        return self._map[start + 2 : start + 2 + length].decode(errors="ignore")  # perhaps cut off

    def _start(self, position: int) -> int:
        return _HEADER_BYTES + position % self[SharedNumber.ENTRIES] * ENTRY_BYTES
