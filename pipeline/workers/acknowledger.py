"""Acknowledges to a stream's decoder the records that are in the results."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

import zmq

from pipeline.transport.feedback import Acknowledged, encode_feedback
from pipeline.transport.logbook import Logbook, SharedNumber


class Acknowledger:
    """Acknowledges the records of a stream in order, each once the overlay keeps its picture.

    Args:
        context: ZeroMQ context.
        endpoint: Endpoint of the decoder's feedback.
        logbook: The stream's logbook, which also stores the acknowledgement.
        kept: Returns how many of the stream's pictures are kept; called only if a record waits for
            one.
    """

    def __init__(
        self, context: zmq.Context, endpoint: str, logbook: Logbook, kept: Callable[[], int]
    ) -> None:
        self._logbook = logbook
        self._kept = kept
        self._socket = context.socket(zmq.PUSH)
        self._socket.linger = 0  # a decoder that replaces this one reads the logbook
        self._socket.connect(endpoint)
        self._waiting: deque[tuple[int, int]] = deque()  # position, number of pictures up to it
        self._acknowledged = -1

    def took(self, position: int, pictures: int) -> None:
        """Notes that a record is written.

        Args:
            position: Its position.
            pictures: Number of the stream's pictures up to this record, its own included.
        """
        self._waiting.append((position, pictures))

    def give_up_pictures(self) -> None:
        """Stops waiting for the pictures of the records taken so far."""
        self._waiting.clear()

    def repeat(self) -> None:
        """Causes the next acknowledgement to be sent even if it repeats the latest, lost one."""
        self._acknowledged = -1

    def acknowledge(self, below: int) -> bool:
        """Acknowledges positions below ``below``, up to the first whose picture is not kept.

        Returns:
            Whether anything was sent.

        Raises:
            OutputError: A picture cannot be written.
        """
        if self._waiting:
            kept = self._kept()
            while self._waiting and self._waiting[0][1] <= kept:
                self._waiting.popleft()
        position = self._waiting[0][0] if self._waiting else below
        if position == self._acknowledged:
            return False
        self._acknowledged = position
        self._logbook[SharedNumber.ACKNOWLEDGED] = position
        self._socket.send(encode_feedback(Acknowledged(position)))
        return True

    def close(self) -> None:
        """Closes the socket."""
        self._socket.close()
