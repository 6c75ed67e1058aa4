"""A pool of processes that share jobs."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import pickle
import signal
import sys
import traceback
from collections.abc import Callable, Generator, Iterator, Sequence
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from pathlib import Path
from typing import Any, Protocol, Self, TypeVar

from pipeline.signals import die_with
from stages.errors import ConfigError, SpotStreamError, in_one_line

Job = TypeVar("Job")
Result = TypeVar("Result")
_Job = TypeVar("_Job", contravariant=True)
_Result = TypeVar("_Result", covariant=True)


class StoppedError(Exception):
    """The work was stopped before it was complete."""


class Work(Protocol[_Job, _Result]):
    """The function run for each job; it must be picklable."""

    def __call__(
        self, job: _Job, /, *, advance: Callable[[int], None], stopped: Callable[[], bool]
    ) -> _Result:
        """Does a job: calls ``advance`` with each increment of progress, and polls ``stopped``.

        Raises:
            StoppedError: ``stopped`` returned True.
        """


class Workers:
    """Processes that do one list of jobs after another, until the ``with`` statement ends.

    On exit, also by an error or an interrupt, each process stops when it next polls; a second
    interrupt kills them at once.

    Args:
        count: Maximum number of processes; with 1, everything runs in this process.
    """

    def __init__(self, count: int) -> None:
        self._count = count
        # Threads of OpenCV and torch do not survive a fork.
        self._spawn = multiprocessing.get_context("spawn")
        self._processes: dict[Connection, SpawnProcess] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stop()

    def _stop(self) -> None:
        try:
            for end in self._processes:
                end.close()
            for process in self._processes.values():
                process.join()
        except BaseException:  # a second interrupt
            for process in self._processes.values():
                process.kill()
            raise
        self._processes.clear()

    def do_all(
        self,
        work: Work[Job, Result],
        jobs: Sequence[Job],
        advance: Callable[[int], None] = lambda count: None,
        finished: Callable[[Result], None] = lambda result: None,
    ) -> Generator[Result, None, None]:
        """Does all jobs and yields their results in order.

        If it ends early, all processes are stopped, and new ones do the next list.

        Args:
            work: Function to run for each job.
            jobs: The jobs; the next one goes to the first free worker.
            advance: Called with each increment of progress.
            finished: Called with each result at once, in the order in which jobs end.

        Raises:
            ConfigError: The current folder may not be entered.
            SpotStreamError: A worker died.
            Exception: Raised by the work, with the worker's traceback as a note.
        """
        if min(self._count, len(jobs)) <= 1:
            results = _one_by_one(work, jobs, advance)
        else:
            results = self._side_by_side(work, jobs, advance)
        done: dict[int, Result] = {}
        due = 0
        with contextlib.closing(results):
            for index, result in results:
                finished(result)
                done[index] = result
                while due in done:
                    yield done.pop(due)
                    due += 1

    def _side_by_side(
        self, work: Work[Job, Result], jobs: Sequence[Job], advance: Callable[[int], None]
    ) -> Generator[tuple[int, Result], None, None]:
        """Yields the index of each job and its result, in the order in which jobs end."""
        while len(self._processes) < min(self._count, len(jobs)):
            self._start()
        rest = enumerate(jobs)
        indices: dict[Connection, int] = {}  # of the jobs in progress

        def hand_out(end: Connection) -> None:
            for index, job in rest:
                _send(end, (work, job))
                indices[end] = index
                break

        try:
            for end in self._processes:
                hand_out(end)
            while indices:
                ready = set(wait(list(indices)))
                for end in [each for each in indices if each in ready]:
                    kind, content = _receive(end)
                    if kind == "advance":
                        advance(content)
                    elif kind == "error":
                        raise content
                    else:
                        index = indices.pop(end)
                        hand_out(end)
                        yield index, content
        except BaseException as error:
            if isinstance(error, KeyboardInterrupt | SystemExit):
                print("stopping; once more ends at once", file=sys.stderr)
            self._stop()  # else results in progress would be mistaken for the next list's
            raise

    def _start(self) -> None:
        check_current_folder()
        ours, theirs = self._spawn.Pipe()
        process = self._spawn.Process(target=_serve, args=(theirs, os.getpid()))
        with blocked(signal.SIGINT):
            process.start()
            theirs.close()
            self._processes[ours] = process  # so that an interrupt right after this stops it


def _one_by_one(
    work: Work[Job, Result], jobs: Sequence[Job], advance: Callable[[int], None]
) -> Generator[tuple[int, Result], None, None]:
    for index, job in enumerate(jobs):
        yield index, work(job, advance=advance, stopped=lambda: False)


def check_current_folder() -> None:
    """Changes to the current folder, as each process started by multiprocessing will.

    Raises:
        ConfigError: This is not permitted, for example if the shell entered it as another user.
    """
    folder = Path.cwd()
    try:
        os.chdir(folder)
    except PermissionError as error:
        raise ConfigError(
            f"worker processes may not enter the current folder, {folder}; change to another"
        ) from error


@contextlib.contextmanager
def blocked(*numbers: signal.Signals) -> Iterator[None]:
    """Blocks signals: here until the context ends, permanently in processes started within it.

    Terminals and service managers send them to every process, but it is the parent that ends its
    workers. Unblocked, these would answer an interrupt with a traceback, even while they start.
    """
    resource_tracker.ensure_running()  # its start would unblock them
    before = signal.pthread_sigmask(signal.SIG_BLOCK, numbers)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _send(end: Connection, message: object) -> None:
    try:
        end.send(message)
    except ConnectionError:
        raise _worker_died() from None


def _receive(end: Connection) -> tuple[str, Any]:
    try:
        kind, content = end.recv()
    except (EOFError, ConnectionError):
        raise _worker_died() from None
    return kind, content


def _worker_died() -> SpotStreamError:
    return SpotStreamError("a worker process died, perhaps for lack of memory; try fewer of them")


def _serve(parent: Connection, parent_pid: int) -> None:
    """Does the jobs of a parent process as long as that lives."""
    die_with(parent_pid)  # else it could write to the same files as a run after the parent's death
    import cv2  # imported here, since the parent does not need it

    cv2.setNumThreads(1)

    def advance(count: int) -> None:
        parent.send(("advance", count))

    # During a job, the pipe becomes readable only when the parent closes it.
    with contextlib.suppress(StoppedError, EOFError, OSError):
        while True:
            work, job = parent.recv()
            try:
                message = "done", work(job, advance=advance, stopped=parent.poll)
            except StoppedError:
                raise
            except Exception as error:
                message = "error", _portable(error)
            parent.send(message)


def _portable(error: Exception) -> Exception:
    """Returns the error, or an equivalent if it cannot be pickled, with its traceback as a note."""
    try:
        copy: Exception = pickle.loads(pickle.dumps(error))
    except Exception:  # its constructor may need other arguments
        copy = RuntimeError(in_one_line(error))
    copy.add_note(traceback.format_exc())  # a traceback itself does not pickle
    return copy
