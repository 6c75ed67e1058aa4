"""What may wait for ever, such as writing to a terminal, is done in a thread of its own."""

from __future__ import annotations

import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import TypeAlias

Action: TypeAlias = Callable[[], object]

_MOST = 1000
_BEHIND = 100


class Background:
    """Does one thing after another in a thread, for whom it may take as long as it likes.

    A terminal that nobody reads, such as that of a frozen connection, lets those who write to it
    wait. At most a thousand things wait to be done; more are lost.

    Args:
        tell_lost: Called in the thread with the number of those lost, once no other waits.
    """

    def __init__(self, tell_lost: Callable[[int], None] = lambda count: None) -> None:
        self._tell_lost = tell_lost
        self._waiting: SimpleQueue[Action | None] = SimpleQueue()
        self._lost = 0  # changed by the caller alone
        self._told = 0  # of those; changed by the thread alone
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)

    @property
    def is_behind(self) -> bool:
        """Whether so much waits that what will soon be out of date had better be left out."""
        return self._waiting.qsize() >= _BEHIND

    def do(self, action: Action) -> None:
        """Has something done soon; for one thread at a time.

        Raises:
            BaseException: Whatever an earlier one has raised; since then, none is done.
        """
        if self._error is not None:
            raise self._error
        if self._thread.ident is None:
            self._thread.start()
        if self._waiting.qsize() < _MOST:
            self._waiting.put(action)
        else:
            self._lost += 1

    def end(self, seconds: float, last: Action = lambda: None) -> bool:
        """Waits for all that is to be done, and ``last``, but no longer than ``seconds``.

        Returns:
            Whether all is done.

        Raises:
            BaseException: See `do`.
        """
        if self._thread.ident is None:
            self._thread.start()
        for action in (self._tell, last, None):
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
                    self._tell()
        except BaseException as error:
            self._error = error

    def _tell(self) -> None:
        if lost := self._lost - self._told:
            self._told += lost
            self._tell_lost(lost)


def within(seconds: float, action: Action) -> bool:
    """Does something in a thread; returns after ``seconds`` at the latest, and whether it is done.

    Raises:
        BaseException: Whatever ``action`` raises in this time.
    """
    return Background().end(seconds, action)
