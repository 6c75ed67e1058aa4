"""The interface of every source of frames, and what it needs from the runtime."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias, TypeVar

import numpy as np

from stages.records import Dropped, EndOfStream, Frame, StreamStart, UInt8Array

SourceRecord: TypeAlias = StreamStart | Frame | Dropped | EndOfStream

_Packet = TypeVar("_Packet")


class FrameAllocator(Protocol):
    """Provides memory for decoded pixels: the runtime lends a slot of shared memory per frame."""

    def allocate(self, shape: tuple[int, ...]) -> UInt8Array:
        """Returns a writable C-contiguous uint8 array of ``shape``, to be filled before yielding.

        Blocks while no slot is free (lossless mode) or frees the oldest waiting one (live mode).
        """


class HeapAllocator:
    """A `FrameAllocator` for use without a runtime: a new array for every frame."""

    def allocate(self, shape: tuple[int, ...]) -> UInt8Array:
        """See `FrameAllocator`."""
        return np.empty(shape, np.uint8)


def _sleep(seconds: float) -> bool:
    time.sleep(seconds)
    return False


@dataclass(frozen=True, slots=True)
class SourceRuntime:
    """Services of the runtime for a source; the defaults are for use without a runtime.

    Attributes:
        wait: Sleeps for the given seconds; returns True, at once, if the source must stop.
        waited: Context entered by the reading thread around each call that waits for the network or
            for the writer of a pipe. The time that a file takes counts as work.
        notify: Takes a line for the user.
        lost: Takes a line for the user that reports an outage of a live source.
        back: Takes a line for the user that reports the end of such an outage.
        connected: Called when a connection of a live source delivers its first frame.
        not_received: Called with a number of frames that are missing from a live source, see
            `UnreceivedFrames`.
        clock: Wall clock, ns since the epoch.
        monotonic: Monotonic clock in seconds, for waits and arrival times of frames.
    """

    wait: Callable[[float], bool] = _sleep
    waited: AbstractContextManager[None] = field(default_factory=nullcontext)
    notify: Callable[[str], None] = lambda message: None
    lost: Callable[[str], None] = lambda message: None
    back: Callable[[str], None] = lambda message: None
    connected: Callable[[], None] = lambda: None
    not_received: Callable[[int], None] = lambda frames: None
    clock: Callable[[], int] = time.time_ns
    monotonic: Callable[[], float] = time.monotonic


def waited_for(
    packets: Iterator[_Packet], waited: AbstractContextManager[None]
) -> Iterator[_Packet]:
    """Yields the same packets, with the runtime's ``waited`` entered around the wait for each."""
    while True:
        with waited:
            packet = next(packets, None)
        if packet is None:
            return
        yield packet


@dataclass(frozen=True, slots=True)
class ResumePoint:
    """How far a stream has been read, for a source that continues there.

    Attributes:
        epochs: Epochs so far.
        sequence: Number of the next frame.
        seen: Frames of the source passed so far, used or not.
    """

    epochs: int = 0
    sequence: int = 0
    seen: int = 0


class Source(Protocol):
    """A stream of frames from a file, a folder of images, a URL or a rendered scene.

    A live one continues from a `ResumePoint`; others start from the beginning and repeat exactly
    the same records.
    """

    def records(self, allocator: FrameAllocator) -> Generator[SourceRecord, None, None]:
        """Yields `StreamStart`, then `Frame` and `Dropped` in order, finally `EndOfStream`.

        The pixels of a yielded frame are the array that ``allocator.allocate`` returned last.
        Closing the generator closes the source; files and connections are closed in any case.

        Raises:
            SourceError: The source cannot be opened, or yields no frame at all.
        """


@dataclass(frozen=True, slots=True)
class FrameSelection:
    """Which frames of a source to use, in 1-based frame numbers as users and files count.

    Attributes:
        first: First frame, >= 1.
        last: Last frame, inclusive, >= ``first``; None for the end.
        every: Use every n-th frame from ``first`` on, >= 1.
    """

    first: int = 1
    last: int | None = None
    every: int = 1

    def takes(self, index: int) -> bool:
        """Returns whether the frame at 0-based ``index`` is selected."""
        number = index + 1
        if number < self.first or self.ends_before(index):
            return False
        return (number - self.first) % self.every == 0

    def ends_before(self, index: int) -> bool:
        """Returns whether no frame at ``index`` or later is selected."""
        return self.last is not None and index + 1 > self.last

    def count(self, total: int) -> int:
        """Returns how many of ``total`` frames are selected."""
        last = total if self.last is None else min(self.last, total)
        return max(0, (last - self.first) // self.every + 1) if last >= self.first else 0
