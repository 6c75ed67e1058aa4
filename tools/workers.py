"""Several processes that share jobs, each job done in one of them."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
from collections.abc import Callable, Generator, Iterator, Sequence
from multiprocessing.connection import Connection, wait
from multiprocessing.synchronize import Event
from typing import Any, Protocol, TypeVar

from stages.errors import SpotStreamError

Job = TypeVar("Job")
Result = TypeVar("Result")
_Job = TypeVar("_Job", contravariant=True)
_Result = TypeVar("_Result", covariant=True)


class StoppedError(Exception):
    """Work ended before its end, because it was told to."""


class Work(Protocol[_Job, _Result]):
    """What is done with each job; it must pickle."""

    def __call__(
        self, job: _Job, /, *, advance: Callable[[int], None], stopped: Callable[[], bool]
    ) -> _Result:
        """Tells ``advance`` how much more is done, and asks ``stopped`` often.

        Raises:
            StoppedError: ``stopped`` said so.
        """


def usable_cores() -> int:
    """How many cores this process may use; a container has often fewer than its machine."""
    return len(os.sched_getaffinity(0))


def do_all(
    work: Work[Job, Result],
    jobs: Sequence[Job],
    workers: int,
    advance: Callable[[int], None] = lambda count: None,
) -> Generator[Result, None, None]:
    """Does all jobs; yields what comes of each as soon as it is done, in any order.

    Closing the generator, an error or an interrupt stops all workers where they ask next.

    Args:
        work: What to do with a job.
        jobs: The next one goes to the first worker that is free.
        workers: Processes; with 1, everything happens in this one.
        advance: Told how much more is done.

    Raises:
        SpotStreamError: Of the work, or because a worker died.
    """
    workers = min(workers, len(jobs))
    if workers <= 1:
        for job in jobs:
            yield work(job, advance=advance, stopped=lambda: False)
        return
    context = multiprocessing.get_context("spawn")
    stop = context.Event()
    processes = []
    ends: list[Connection] = []
    try:
        for _ in range(workers):
            ours, theirs = context.Pipe()
            process = context.Process(target=_serve, args=(work, theirs, stop))
            process.start()
            theirs.close()
            processes.append(process)
            ends.append(ours)
        yield from _hand_out(jobs, ends, advance)
    finally:
        stop.set()
        for end in ends:
            end.close()
        for process in processes:
            process.join()


def _hand_out(
    jobs: Sequence[Any], ends: Sequence[Connection], advance: Callable[[int], None]
) -> Iterator[Any]:
    rest = iter(jobs)
    busy = list(ends)
    for end in ends:
        _send(end, next(rest))
    while busy:
        ready = set(wait(busy))
        for end in [each for each in busy if each in ready]:
            try:
                kind, content = end.recv()
            except EOFError:
                raise _worker_died() from None
            if kind == "advance":
                advance(content)
            elif kind == "error":
                raise content
            else:
                for job in rest:
                    _send(end, job)
                    break
                else:
                    busy.remove(end)
                yield content


def _send(end: Connection, job: object) -> None:
    try:
        end.send(job)
    except BrokenPipeError:
        raise _worker_died() from None


def _worker_died() -> SpotStreamError:
    return SpotStreamError("a worker process died, perhaps for lack of memory; try fewer --workers")


def _serve(work: Work[Any, Any], parent: Connection, stop: Event) -> None:
    # Ctrl-C reaches all processes of the terminal; the parent decides.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    import cv2  # of these processes alone: evaluation, which asks for cores, does without

    cv2.setNumThreads(1)

    def advance(count: int) -> None:
        parent.send(("advance", count))

    # A parent that is gone closes the connection.
    with contextlib.suppress(StoppedError, EOFError, OSError):
        while True:
            job = parent.recv()
            try:
                parent.send(("done", work(job, advance=advance, stopped=stop.is_set)))
            except SpotStreamError as error:
                parent.send(("error", error))
