"""Work beside a loop that must go on."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

T = TypeVar("T")


def in_background(work: Callable[[], T], on_done: Callable[[], None] = lambda: None) -> Future[T]:
    """Does the work in a daemon thread, which does not outlive the process.

    Args:
        work: The work to do.
        on_done: Called in the thread when the result or an error is set.
    """
    future: Future[T] = Future()
    future.add_done_callback(lambda _: on_done())

    def run() -> None:
        try:
            result = work()
        except BaseException as error:
            future.set_exception(error)
        else:
            future.set_result(result)

    threading.Thread(target=run, name="background", daemon=True).start()
    return future
