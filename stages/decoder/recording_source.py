"""Reads the recordings of a `Recorder`."""

from __future__ import annotations

from collections.abc import Generator
from fractions import Fraction
from pathlib import Path

from stages.decoder.frame_reader import FrameReader
from stages.decoder.media import open_media, set_threads, video_stream
from stages.decoder.segments import segments_of
from stages.decoder.source import FrameAllocator, FrameSelection, SourceRecord, SourceRuntime
from stages.errors import SourceError
from stages.records import EndOfStream, EndReason
from stages.wording import counted


class RecordingSource:
    """The frames of a recording, through all its segments.

    Tracks continue from one segment to the next; if the connection was lost in between, an epoch
    ends as it did then. Presentation times are counted from the recording's beginning, outages
    included; their length is that by the names of the segments, exact to a second.

    Args:
        folder: Folder that a `Recorder` wrote.
        name: Name of the stream.
        selection: Frames to use; None for all.
        hardware: Device that decodes, see `hardware_decoder`.
        paced: Whether frames are read at their original pace, not as fast as possible.
        runtime: See `SourceRuntime`.
    """

    resumes = False

    def __init__(
        self,
        folder: Path,
        *,
        name: str,
        selection: FrameSelection | None = None,
        hardware: str = "off",
        paced: bool = False,
        runtime: SourceRuntime | None = None,
    ) -> None:
        self.folder = folder
        self.name = name
        self.selection = selection or FrameSelection()
        self.hardware = hardware
        self.paced = paced
        self.runtime = runtime or SourceRuntime()

    def records(self, allocator: FrameAllocator) -> Generator[SourceRecord, None, None]:
        """See `Source.records`; unreadable segments are skipped."""
        reader = FrameReader(str(self.folder), self.name, self.selection, "", self.runtime.clock)
        latest: int | None = None
        unreadable = 0
        segments = segments_of(self.folder)
        for segment in segments:
            path = segment.path
            since_first = Fraction((segment.began - segments[0].began).total_seconds())
            try:
                with open_media(str(path), hardware=self.hardware) as container:
                    stream = video_stream(container, str(path))
                    set_threads(stream, paced=self.paced)
                    yield from reader.read(
                        container,
                        stream,
                        allocator,
                        continues=segment.epoch == latest,
                        begins=max(since_first, reader.ends),
                    )
                latest = segment.epoch
            except SourceError:
                unreadable += 1
            if reader.finished:
                break
        if reader.epoch < 0:
            raise SourceError(f"{self.folder} holds no segment that can be read")
        skipped = counted(unreadable, "segment")
        message = f"{skipped} of {self.folder} cannot be read" if unreadable else ""
        yield EndOfStream(self.name, reader.epoch, reader.given, EndReason.COMPLETE, message)
