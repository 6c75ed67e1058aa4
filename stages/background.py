"""Runs work in a thread while the caller's loop continues."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

T = TypeVar("T")


def in_background(work: Callable[[], T], on_done: Callable[[], None] = lambda: None) -> Future[T]:
    """Runs a function in a daemon thread, which does not keep the process alive.

    Args:
        work: Function to run.
        on_done: Called in that thread once the result or an error is set.
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
