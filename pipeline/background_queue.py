"""Runs actions that may block forever, such as writing to a terminal, in a thread of their own."""

from __future__ import annotations

import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import TypeAlias

Action: TypeAlias = Callable[[], object]

_MAX_WAITING = 1000
_BEHIND = 100


class BackgroundQueue:
    """Runs actions one after another in a thread, so that a slow one does not block the caller.

    Writing to a terminal that nobody reads, such as that of a frozen connection, blocks. At most a
    thousand actions wait in the queue; further ones are lost.

    Args:
        report_lost: Called in the thread, once the queue is empty, with the number of newly lost
            actions.
    """

    def __init__(self, report_lost: Callable[[int], None] = lambda count: None) -> None:
        self._report_lost = report_lost
        self._waiting: SimpleQueue[Action | None] = SimpleQueue()
        self._lost = 0  # changed only by the caller
        self._reported = 0  # how many of these were reported; changed only by the thread
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)

    @property
    def is_behind(self) -> bool:
        """Whether so many actions wait that whatever is soon outdated should be skipped."""
        return self._waiting.qsize() >= _BEHIND

    def do(self, action: Action) -> None:
        """Queues an action; call it from one thread at a time.

        Raises:
            BaseException: An earlier action raised it; no action has run since.
        """
        if self._error is not None:
            raise self._error
        if self._thread.ident is None:
            self._thread.start()
        if self._waiting.qsize() < _MAX_WAITING:
            self._waiting.put(action)
        else:
            self._lost += 1

    def end(self, seconds: float, last: Action = lambda: None) -> bool:
        """Waits up to ``seconds`` for all queued actions, and then ``last``, to finish.

        Returns:
            Whether all of them have finished.

        Raises:
            BaseException: See `do`.
        """
        if self._thread.ident is None:
            self._thread.start()
        for action in (self._report_if_lost, last, None):
            self._waiting.put(action)
        self._thread.join(seconds)
        if self._error is not None:
            raise self._error
        return not self._thread.is_alive()

    def _run(self) -> None:
        try:
            while (action := self._waiting.get()) is not None:
                action()
                if self._waiting.empty():
                    self._report_if_lost()
        except BaseException as error:
            self._error = error

    def _report_if_lost(self) -> None:
        if lost := self._lost - self._reported:
            self._reported += lost
            self._report_lost(lost)


def within(seconds: float, action: Action) -> bool:
    """Runs an action in a thread and waits up to ``seconds``; returns whether it has finished.

    Raises:
        BaseException: Whatever ``action`` raises in this time.
    """
    return BackgroundQueue().end(seconds, action)
