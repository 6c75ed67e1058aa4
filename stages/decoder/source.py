"""What every source of frames promises, and what it needs from the runtime."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias

import numpy as np

from stages.errors import ConfigError
from stages.records import Dropped, EndOfStream, Frame, StreamStart, UInt8Array

SourceRecord: TypeAlias = StreamStart | Frame | Dropped | EndOfStream


class FrameAllocator(Protocol):
    """Where decoded pixels go: the runtime lends a slot of shared memory for each frame."""

    def allocate(self, shape: tuple[int, ...]) -> UInt8Array:
        """A writable C-contiguous uint8 array of ``shape``, filled by the source before it yields.

        Blocks while no slot is free (lossless mode) or frees the oldest waiting one (live mode).
        """


class HeapAllocator:
    """A `FrameAllocator` without a runtime: a new array for every frame."""

    def allocate(self, shape: tuple[int, ...]) -> UInt8Array:
        """See `FrameAllocator`."""
        return np.empty(shape, np.uint8)


def _sleep(seconds: float) -> bool:
    time.sleep(seconds)
    return False


@dataclass(frozen=True, slots=True)
class SourceRuntime:
    """What the runtime does for a source; by default, as without one.

    Attributes:
        wait: Sleeps so many seconds; returns True at once where the source is to stop.
        waited: Entered around each call that waits for the network, by the thread that reads.
        notify: Takes a line for the user.
        connected: Called when a connection of a live source gives its first frame.
        clock: Wall clock, ns since the epoch.
        monotonic: Clock of waits, and of how long frames took to come, seconds.
    """

    wait: Callable[[float], bool] = _sleep
    waited: AbstractContextManager[None] = field(default_factory=nullcontext)
    notify: Callable[[str], None] = lambda message: None
    connected: Callable[[], None] = lambda: None
    clock: Callable[[], int] = time.time_ns
    monotonic: Callable[[], float] = time.monotonic


@dataclass(frozen=True, slots=True)
class ResumePoint:
    """How far a stream has come, for a source that goes on there.

    Attributes:
        epochs: Epochs so far.
        sequence: Number of the next frame.
        seen: Frames of the source that have passed, used or not.
    """

    epochs: int = 0
    sequence: int = 0
    seen: int = 0


class Source(Protocol):
    """A stream of frames from a file, a folder of images, a URL or a rendered scene.

    Attributes:
        resumes: Whether it goes on from a `ResumePoint`; the others start anew, with the very same
            records.
    """

    resumes: bool

    def records(self, allocator: FrameAllocator) -> Generator[SourceRecord, None, None]:
        """Yields `StreamStart`, then `Frame` and `Dropped` in order, at last `EndOfStream`.

        The pixels of a yielded frame are the array that ``allocator.allocate`` returned last.
        Closing the generator closes the source; files and connections are closed in any case.

        Raises:
            SourceError: The source cannot be opened, or gives not one frame.
        """


@dataclass(frozen=True, slots=True)
class FrameSelection:
    """Which frames of a source to use, in 1-based frame numbers as users and files count.

    Attributes:
        first: First frame, >= 1.
        last: Last frame, inclusive; None for the end.
        every: Take every n-th frame from ``first`` on, >= 1.
    """

    first: int = 1
    last: int | None = None
    every: int = 1

    def __post_init__(self) -> None:
        if self.first < 1:
            raise ConfigError(f"first frame must be at least 1, got {self.first}")
        if self.last is not None and self.last < self.first:
            raise ConfigError(
                f"last frame must not lie before the first ({self.first}), got {self.last}"
            )
        if self.every < 1:
            raise ConfigError(f"every must be at least 1, got {self.every}")

    def takes(self, index: int) -> bool:
        """Whether the frame at 0-based ``index`` is wanted."""
        number = index + 1
        if number < self.first or self.ends_before(index):
            return False
        return (number - self.first) % self.every == 0

    def ends_before(self, index: int) -> bool:
        """Whether no frame at ``index`` or later is wanted."""
        return self.last is not None and index + 1 > self.last

    def count(self, total: int) -> int:
        """How many of ``total`` frames are wanted."""
        last = total if self.last is None else min(self.last, total)
        return max(0, (last - self.first) // self.every + 1) if last >= self.first else 0
