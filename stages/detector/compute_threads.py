"""Threads that compute frames concurrently, each on a share of the CPU's cores."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from concurrent import futures
from typing import TypeVar

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


class ComputeThreads:
    """A fixed number of threads, to be used from one other thread.

    Threads that share a frame wait for one another after every convolution; threads with a frame
    each do not.

    Attributes:
        count: Number of threads.

    Args:
        count: See above.
        share_cores: Called once in each thread, see `Engine`.
        clock: Returns a monotonic time in seconds.
    """

    def __init__(
        self,
        count: int,
        share_cores: Callable[[], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.count = count
        self._clock = clock
        self._threads = futures.ThreadPoolExecutor(count, "compute", share_cores)
        self._running: dict[futures.Future[None], float] = {}

    def map(self, compute: Callable[[_Item], _Result], items: Iterable[_Item]) -> Iterator[_Result]:
        """Yields the results for all items, in order."""
        return self._threads.map(compute, items)

    def wait(self, seconds: float) -> bool:
        """Waits until a thread is free, at most ``seconds``; returns whether one is.

        Raises:
            Exception: The error of an earlier computation.
        """
        if len(self._running) == self.count:
            futures.wait(self._running, seconds, futures.FIRST_COMPLETED)
            self._remove_finished()
        return len(self._running) < self.count

    def start(self, compute: Callable[[], None]) -> None:
        """Starts a computation in a thread as soon as one is free, see `wait`."""
        self._running[self._threads.submit(compute)] = self._clock()

    def running(self) -> float | None:
        """Returns the seconds that the oldest unfinished computation has run; None without one.

        Raises:
            Exception: The error of an earlier computation.
        """
        self._remove_finished()
        began = min(self._running.values(), default=None)
        return None if began is None else self._clock() - began

    def _remove_finished(self) -> None:
        for finished in [each for each in self._running if each.done()]:
            del self._running[finished]
            finished.result()
