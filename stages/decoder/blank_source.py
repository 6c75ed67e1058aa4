"""A source of blank frames, to measure everything except decoding."""

from __future__ import annotations

import re
from collections.abc import Generator
from fractions import Fraction

from stages.decoder.source import FrameAllocator, SourceRecord, SourceRuntime
from stages.errors import SourceError
from stages.records import (
    EndOfStream,
    EndReason,
    Frame,
    PixelFormat,
    StreamStart,
)

BLANK = "blank:"
"""Prefix of the locations of a `BlankSource`."""


def blank_location(
    height: int,
    width: int,
    frames: int,
    pixel_format: PixelFormat = PixelFormat.YUV420P,
    frame_rate: int = 25,
) -> str:
    """Returns the location of a `BlankSource`, such as ``blank:1920x1080:yuv420p:500@25``."""
    return f"{BLANK}{width}x{height}:{pixel_format.value}:{frames}@{frame_rate}"


class BlankSource:
    """Yields frames whose pixels stay as allocated; costs next to nothing.

    Args:
        location: See `blank_location`.
        name: Name of the stream.
        runtime: See `SourceRuntime`.

    Raises:
        SourceError: The location is malformed.
    """

    def __init__(
        self, location: str, *, name: str = "blank", runtime: SourceRuntime | None = None
    ) -> None:
        formats = "|".join(pixel_format.value for pixel_format in PixelFormat)
        found = re.fullmatch(rf"{BLANK}(\d+)x(\d+):({formats}):(\d+)@(\d+)", location)
        if found is None:
            raise SourceError(f"{location} is not like blank:1920x1080:yuv420p:500@25")
        self.location = location
        self.name = name
        self.runtime = runtime or SourceRuntime()
        self._width, self._height, self._frames, self._rate = (
            int(found[group]) for group in (1, 2, 4, 5)
        )
        self._format = PixelFormat(found[3])

    def records(self, allocator: FrameAllocator) -> Generator[SourceRecord, None, None]:
        """See `Source.records`."""
        start = StreamStart(
            stream=self.name,
            epoch=0,
            source=self.location,
            height=self._height,
            width=self._width,
            frame_rate=Fraction(self._rate),
            time_base=Fraction(1, self._rate),
            frame_count=self._frames,
        )
        yield start
        shape = self._format.shape(self._height, self._width)
        for index in range(self._frames):
            pixels = allocator.allocate(shape)
            header = start.header(index, index, index, self.runtime.clock(), self._format)
            yield Frame(header, pixels)
        yield EndOfStream(self.name, 0, self._frames, EndReason.COMPLETE)
