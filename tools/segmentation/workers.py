"""Several processes that segment sequences, each sequence in one of them."""

from __future__ import annotations

import contextlib
import multiprocessing
import signal
from collections.abc import Callable, Iterator, Sequence
from multiprocessing.connection import Connection, wait
from multiprocessing.synchronize import Event

import cv2

from stages.errors import SpotStreamError
from tools.segmentation.frames import Frames
from tools.segmentation.options import SegmentOptions
from tools.segmentation.sequence import SequenceSummary, StoppedError, segment_sequence


def segment_all(
    sequences: Sequence[Frames],
    options: SegmentOptions,
    workers: int,
    advance: Callable[[int], None] = lambda count: None,
) -> Iterator[SequenceSummary]:
    """Segments sequences; yields what became of each as soon as it is done, in any order.

    Closing the iterator, an error or an interrupt stops all workers within a frame's time.

    Args:
        sequences: What to segment; the next one goes to the first worker that is free.
        options: What masks are wanted.
        workers: Processes; with 1, everything happens in this one.
        advance: Told how many more frames are done with.

    Raises:
        OutputError: The file system refuses.
        SpotStreamError: A worker died.
    """
    workers = min(workers, len(sequences))
    if workers <= 1:
        for frames in sequences:
            yield segment_sequence(frames, options, advance)
        return
    context = multiprocessing.get_context("spawn")
    stop = context.Event()
    processes = []
    ends: list[Connection] = []
    try:
        for _ in range(workers):
            ours, theirs = context.Pipe()
            process = context.Process(target=_work, args=(options, theirs, stop))
            process.start()
            theirs.close()
            processes.append(process)
            ends.append(ours)
        yield from _hand_out(sequences, ends, advance)
    finally:
        stop.set()
        for end in ends:
            end.close()
        for process in processes:
            process.join()


def _hand_out(
    sequences: Sequence[Frames], ends: Sequence[Connection], advance: Callable[[int], None]
) -> Iterator[SequenceSummary]:
    rest = iter(sequences)
    busy = list(ends)
    for end in ends:
        end.send(next(rest))
    while busy:
        ready = set(wait(busy))
        for end in [each for each in busy if each in ready]:
            try:
                message = end.recv()
            except EOFError:
                raise SpotStreamError(
                    "a worker process died, perhaps for lack of memory; try fewer --workers"
                ) from None
            if isinstance(message, int):
                advance(message)
            elif isinstance(message, SpotStreamError):
                raise message
            else:
                following = next(rest, None)
                if following is None:
                    busy.remove(end)
                else:
                    end.send(following)
                yield message


def _work(options: SegmentOptions, parent: Connection, stop: Event) -> None:
    # Ctrl-C reaches all processes of the terminal; the parent decides.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    cv2.setNumThreads(1)
    # A parent that is gone closes the connection.
    with contextlib.suppress(StoppedError, EOFError, OSError):
        while True:
            frames = parent.recv()
            try:
                parent.send(segment_sequence(frames, options, parent.send, stop.is_set))
            except SpotStreamError as error:
                parent.send(error)
