"""Several processes that render scenes, each scene in one of them."""

from __future__ import annotations

import contextlib
import multiprocessing
import signal
from collections.abc import Generator, Iterator, Sequence
from multiprocessing.connection import Connection, wait
from multiprocessing.synchronize import Event
from pathlib import Path

import cv2

from stages.errors import SpotStreamError
from tools.synth.options import SynthOptions
from tools.synth.render import SceneSummary, StoppedError, render_scene


def render_scenes(
    folder: Path, options: SynthOptions, seeds: Sequence[int], workers: int
) -> Generator[SceneSummary, None, None]:
    """Renders the scenes of ``seeds``; yields each as soon as it is complete, in any order.

    Closing the iterator, an error or an interrupt stops all workers within a picture's time, and
    removes what they had not completed.

    Args:
        folder: The output folder.
        options: What to render.
        seeds: Of the scenes.
        workers: Processes; with 1, everything happens in this one.

    Raises:
        OutputError: The file system refuses.
        SpotStreamError: A worker died.
    """
    workers = min(workers, len(seeds))
    if workers <= 1:
        for seed in seeds:
            yield render_scene(folder, options, seed)
        return
    context = multiprocessing.get_context("spawn")
    stop = context.Event()
    processes = []
    reports: list[Connection] = []
    try:
        for number in range(workers):
            receiver, sender = context.Pipe(duplex=False)
            process = context.Process(
                target=_work, args=(folder, options, list(seeds[number::workers]), sender, stop)
            )
            process.start()
            sender.close()
            processes.append(process)
            reports.append(receiver)
        yield from _collect(reports)
    finally:
        stop.set()
        for process in processes:
            process.join()
        for report in reports:
            report.close()


def _collect(reports: Sequence[Connection]) -> Iterator[SceneSummary]:
    """What workers report, until each has sent None."""
    waiting = list(reports)
    while waiting:
        for report in wait(waiting):
            assert isinstance(report, Connection)
            try:
                message = report.recv()
            except EOFError:
                raise SpotStreamError(
                    "a worker process died, perhaps for lack of memory; try fewer --workers"
                ) from None
            if message is None:
                waiting.remove(report)
            elif isinstance(message, SpotStreamError):
                raise message
            else:
                yield message


def _work(
    folder: Path, options: SynthOptions, seeds: list[int], report: Connection, stop: Event
) -> None:
    # Ctrl-C reaches all processes of the terminal; the parent decides.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    cv2.setNumThreads(1)
    # A parent that is gone does not listen: the scene at hand is the last.
    with contextlib.suppress(StoppedError, BrokenPipeError):
        try:
            for seed in seeds:
                report.send(render_scene(folder, options, seed, stop.is_set))
        except SpotStreamError as error:
            report.send(error)
            return
        report.send(None)
