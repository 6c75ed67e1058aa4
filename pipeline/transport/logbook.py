"""What of a stream must outlive the process that knows it.

A logbook is memory that the supervisor owns, like a frame ring. Whoever takes over from a process
that died reads there how far the stream has come, and what was sent and is not in the results yet.
Every number has one writer.
"""

from __future__ import annotations

import mmap
import os
from collections.abc import Iterator
from enum import IntEnum
from pathlib import Path

import numpy as np

ENTRY_BYTES = 8192
"""The longest message that is kept; only one with a source of thousands of letters is longer."""

_HEADER_BYTES = 4096
_NAME = 1024  # where the name of the stream lies, after its length
_PREFIX_BYTES = 16  # position + 1, length


class SharedCounter(IntEnum):
    """The numbers of a logbook, 0 at first."""

    ACKNOWLEDGED = 0  # sink: the positions below this one are in the results
    NEXT_ID = 1  # tracker: ids from here on were never given out
    TAKEN = 2  # decoder: records that its source has given, without its end
    SEQUENCE = 3  # decoder: number of its next frame
    EPOCHS = 4  # decoder: epochs so far
    SEEN = 5  # decoder: frames of the source that have passed, used or not
    ACCOUNTED = 6  # decoder: frames below this number were sent, or their drop was
    SLOT_BYTES = 7  # decoder: size of a slot in the ring
    WAITING = 8  # decoder: frames decoded and not yet sent
    CONNECTIONS = 9  # decoder: connections to a live source so far
    ENTRIES = 10  # supervisor: messages the logbook holds
    LOSSLESS = 11  # supervisor: 1 where every frame must reach the results


class Logbook:
    """Numbers, and the latest messages by position.

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
        self._numbers = np.frombuffer(self._map, np.uint64, len(SharedCounter))

        length = int.from_bytes(self._map[_NAME : _NAME + 2], "little")
        self.stream = self._map[_NAME + 2 : _NAME + 2 + length].decode()

    @classmethod
    def create(cls, path: str, *, stream: str, entries: int, lossless: bool) -> Logbook:
        """Makes the empty file at ``path`` the logbook of a stream, for that many messages."""
        os.truncate(path, _HEADER_BYTES + entries * ENTRY_BYTES)
        name = stream.encode()
        with Path(path).open("r+b") as file:
            file.seek(_NAME)
            file.write(len(name).to_bytes(2, "little") + name)
        logbook = cls(path)
        logbook[SharedCounter.ENTRIES] = entries
        logbook[SharedCounter.LOSSLESS] = lossless
        return logbook

    def __getitem__(self, counter: SharedCounter) -> int:
        return int(self._numbers[counter])

    def __setitem__(self, counter: SharedCounter, value: int) -> None:
        self._numbers[counter] = value

    def keep(self, position: int, message: bytes) -> bool:
        """Keeps the message sent as number ``position``, in place of the one ``ENTRIES`` before.

        Returns False, having kept nothing, where it is longer than an entry.
        """
        if len(message) > ENTRY_BYTES - _PREFIX_BYTES:
            return False
        start = self._start(position)
        prefix = np.frombuffer(self._map, np.uint64, 2, start)
        prefix[0] = 0  # whoever is killed from here on leaves no entry rather than half of one
        self._map[start + _PREFIX_BYTES : start + _PREFIX_BYTES + len(message)] = message
        prefix[1] = len(message)
        prefix[0] = position + 1
        return True

    def message(self, position: int) -> bytes | None:
        """The message sent as number ``position``; None where it is not, or no longer, there."""
        start = self._start(position)
        marker, length = np.frombuffer(self._map, np.uint64, 2, start).tolist()
        if marker != position + 1:
            return None
        return self._map[start + _PREFIX_BYTES : start + _PREFIX_BYTES + length]

    def unacknowledged(self) -> Iterator[tuple[int, bytes]]:
        """Positions and messages sent and not in the results yet, in order."""
        position = self[SharedCounter.ACKNOWLEDGED]
        while (message := self.message(position)) is not None:
            yield position, message
            position += 1

    def close(self) -> None:
        """Gives the memory back; it is not to be used any more."""
        del self._numbers
        self._map.close()

    def _start(self, position: int) -> int:
        return _HEADER_BYTES + position % self[SharedCounter.ENTRIES] * ENTRY_BYTES
