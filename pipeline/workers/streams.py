"""The streams that a stage has joined."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Generic, Protocol, TypeVar

from pipeline.plan import WorkerPlan
from pipeline.transport.logbook import Logbook
from pipeline.transport.messages import Envelope


class Member(Protocol):
    """A stream as a stage sees it."""

    name: str

    def close(self) -> None:
        """The stream has ended and its results are complete."""


M = TypeVar("M", bound=Member)

_LOOK_SECONDS = 1.0


class Streams(Generic[M]):
    """By channel; a stream is joined when its first message comes.

    Args:
        plan: The plan of the stage's process.
        join: Makes what the stage needs of a stream, of its channel and logbook.
    """

    def __init__(self, plan: WorkerPlan, join: Callable[[int, Logbook], M]) -> None:
        self._plan = plan
        self._join = join
        self._members: dict[int, M] = {}
        self._looked = 0.0

    def find(self, envelope: Envelope) -> M | None:
        """The stream that the message belongs to; None for one that the run has not."""
        member = self.at(envelope.channel)
        return member if member is not None and member.name == envelope.stream else None

    def at(self, channel: int) -> M | None:
        """The stream of a channel, joined or to be joined; None where there is none to join."""
        if channel not in self._members:
            try:
                logbook = Logbook(self._plan.logbook(channel))
            except OSError:
                return None
            self._close_ended()  # one of the same name among them
            self._members[channel] = self._join(channel, logbook)
        return self._members[channel]

    def __iter__(self) -> Iterator[M]:
        """All that are joined."""
        return iter(self._members.values())

    def close_ended(self) -> None:
        """Closes those that have ended; to be called often, it looks once a second."""
        if time.monotonic() - self._looked >= _LOOK_SECONDS:
            self._looked = time.monotonic()
            self._close_ended()

    def _close_ended(self) -> None:
        for channel in list(self._members):
            if not Path(self._plan.logbook(channel)).is_symlink():
                self._members.pop(channel).close()
