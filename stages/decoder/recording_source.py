"""Reads the recordings of a `Recorder`."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import KW_ONLY, dataclass, field
from fractions import Fraction
from pathlib import Path

from stages.decoder.frame_reader import FrameReader
from stages.decoder.media import open_media, set_threads, video_stream
from stages.decoder.segments import segments_of
from stages.decoder.source import FrameAllocator, FrameSelection, SourceRecord, SourceRuntime
from stages.errors import SourceError
from stages.records import EndOfStream, EndReason
from stages.wording import counted


@dataclass
class RecordingSource:
    """The frames of a recording, through all its segments.

    Tracks continue from one segment to the next; if the connection was lost in between, an epoch
    ends as it did then. Presentation times are counted from the recording's beginning, outages
    included; their length is that by the names of the segments, exact to a second.

    Attributes:
        folder: Folder that a `Recorder` wrote.
        name: Name of the stream.
        selection: Frames to use.
        hardware: Device that decodes, see `hardware_decoder`.
        paced: Whether frames are read at their original pace, not as fast as possible.
        runtime: See `SourceRuntime`.
    """

    resumes = False

    folder: Path
    _: KW_ONLY
    name: str
    selection: FrameSelection = field(default_factory=FrameSelection)
    hardware: str = "off"
    paced: bool = False
    runtime: SourceRuntime = field(default_factory=SourceRuntime)

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
