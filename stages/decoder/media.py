"""Reads a video file or an FFmpeg URL, decoded by PyAV."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import nullcontext
from dataclasses import KW_ONLY, dataclass, field
from pathlib import Path

from stages.decoder.containers import open_media, report_choice, set_threads, video_stream
from stages.decoder.frame_reader import FrameReader
from stages.decoder.locations import is_pipe
from stages.decoder.source import (
    FrameAllocator,
    FrameSelection,
    SourceRecord,
    SourceRuntime,
    waited_for,
)
from stages.errors import SourceError
from stages.records import EndOfStream, EndReason
from stages.urls import redact
from stages.wording import counted


@dataclass
class MediaSource:
    """A video of any container and codec that FFmpeg reads, from its start to its end.

    Frames are upright, in planar YUV 4:2:0 of limited range, or in BGR if a side is odd.

    Attributes:
        location: A path or URL.
        name: Name of the stream.
        selection: Frames to use.
        layout: See `StreamStart`.
        hardware: Device that decodes, see `hardware_decoder`.
        paced: Whether frames are read at their own pace, not as fast as possible; see
            `set_threads`.
        timeout: For a URL: seconds without a byte after which the connection counts as broken.
            Opening it and each packet may take three times as long if bytes arrive.
        runtime: See `SourceRuntime`.
    """

    location: str
    _: KW_ONLY
    name: str
    selection: FrameSelection = field(default_factory=FrameSelection)
    layout: str = ""
    hardware: str = "off"
    paced: bool = False
    timeout: float = 5.0
    runtime: SourceRuntime = field(default_factory=SourceRuntime)

    def records(self, allocator: FrameAllocator) -> Generator[SourceRecord, None, None]:
        """See `Source.records`."""
        shown = redact(self.location)
        reader = FrameReader(
            shown,
            self.name,
            self.selection,
            self.runtime,
            layout=self.layout,
            hardware=self.hardware,
        )
        remote = "://" in self.location
        opened, size = _file_size(self.location)
        waits = remote or is_pipe(self.location)
        waited = self.runtime.waited if waits else nullcontext()
        # FFmpeg would read falling times as an overflow of the clock, and put them 26 hours later.
        options = {"correct_ts_overflow": "0"}
        if remote:
            options["rw_timeout"] = str(round(self.timeout * 1e6))
        with waited:
            container = open_media(
                self.location,
                options=options,
                timeout=3 * self.timeout if remote else None,
                hardware=self.hardware,
            )
        with container:
            stream = video_stream(container, shown)
            report_choice(container, stream, shown, self.runtime.notify)
            set_threads(stream, paced=self.paced)
            packets = waited_for(container.demux(stream), waited)
            yield from reader.read(container, stream, allocator, packets=packets)
            why = f": {reader.broken}" if reader.broken else ""
            if reader.epoch < 0:
                if reader.seen == 0:
                    raise SourceError(f"{shown} has no frame that can be decoded{why}")
                raise SourceError(
                    f"none of {counted(reader.seen, 'frame')} of {shown} is in the chosen range "
                    f"and can be decoded"
                )
            missing = None if reader.selection_over else reader.missing(container, stream)
        gaps = reader.gaps.in_words()
        faults = []
        if missing or reader.broken:
            after = f" after {missing}" if missing else ""
            faults.append(f"{shown} breaks off{after}{why}")
        now, grown = _file_size(self.location)
        if not reader.selection_over and now == opened and grown > size:
            faults.append(f"{shown} grew while it was read; the frames added may be missing")
        reason = EndReason.TRUNCATED if faults else EndReason.COMPLETE
        faults += [f"{shown} has {gaps}"] if gaps else []
        yield EndOfStream(self.name, reader.epoch, reader.given, reason, "; ".join(faults))


def _file_size(location: str) -> tuple[int, int]:
    """Returns a file's inode and size; zeros if there is no file, or only FFmpeg can read it."""
    try:
        found = Path(location).stat()
    except (OSError, ValueError):  # such as a URL too long for a path
        return 0, 0
    return found.st_ino, found.st_size
