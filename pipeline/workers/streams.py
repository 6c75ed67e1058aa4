"""The streams that a stage has joined."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Generic, Protocol, TypeVar

from pipeline.plan import WorkerPlan
from pipeline.transport.envelope import Envelope
from pipeline.transport.logbook import Logbook, SharedNumber


class Member(Protocol):
    """A stage's state for one stream."""

    name: str

    def close(self) -> None:
        """Releases the stream, which has ended."""


M = TypeVar("M", bound=Member)

_CHECK_SECONDS = 1.0


class Streams(Generic[M]):
    """A stage's streams by channel; a stream is joined when its first message arrives.

    Args:
        plan: The plan of the stage's process.
        join: Creates the stage's state for a stream from its channel and logbook. The logbook is
            closed after the state.
    """

    def __init__(self, plan: WorkerPlan, join: Callable[[int, Logbook], M]) -> None:
        self._plan = plan
        self._join = join
        self._members: dict[int, M] = {}
        self._logbooks: dict[int, Logbook] = {}
        self._checked_at = 0.0

    def find(self, envelope: Envelope) -> M | None:
        """Returns the stream that a message belongs to; None if the run has no such stream."""
        member = self.at(envelope.channel)
        return member if member is not None and member.name == envelope.stream else None

    def at(self, channel: int) -> M | None:
        """Returns the stream of a channel, joining it if necessary; None if there is none."""
        if channel not in self._members:
            path = self._plan.logbook(channel)
            try:
                logbook = Logbook(path)
                self._close_ended()  # possibly one with the same name
                self._members[channel] = self._join(channel, logbook)
            except FileNotFoundError:
                if Path(path).exists():
                    raise
                return None  # it has ended, possibly while it was joined
            self._logbooks[channel] = logbook
        return self._members[channel]

    def __iter__(self) -> Iterator[M]:
        """Iterates over the joined streams."""
        return iter(self._members.values())

    def close_ended(self) -> None:
        """Closes streams that have ended; call it often: it checks at most once a second."""
        if time.monotonic() - self._checked_at >= _CHECK_SECONDS:
            self._checked_at = time.monotonic()
            self._close_ended()

    def _close_ended(self) -> None:
        for channel in list(self._members):
            # Does not depend on the link to the logbook: if that is removed, the stream goes on.
            if self._logbooks[channel][SharedNumber.RELEASED]:
                self._members.pop(channel).close()
                self._logbooks.pop(channel).close()
