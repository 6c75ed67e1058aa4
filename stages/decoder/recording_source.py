"""Reads the recordings of a `Recorder`."""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Generator, Iterable, Iterator, Sequence
from dataclasses import KW_ONLY, dataclass, field
from datetime import datetime
from fractions import Fraction
from pathlib import Path

import av
from av.container import InputContainer
from av.video.stream import VideoStream

from stages.atomic import file_size
from stages.decoder.container_facts import ends_early, frame_rate, stated_length, time_base
from stages.decoder.containers import open_media, set_threads, video_stream
from stages.decoder.frame_reader import FrameReader
from stages.decoder.segments import Segment, segments_of
from stages.decoder.source import FrameAllocator, FrameSelection, SourceRecord, SourceRuntime
from stages.errors import SourceError
from stages.records import EndOfStream, EndReason
from stages.wording import counted

_HOLE_SECONDS = 1  # where the recorder could not write, or a camera paused
_LONGEST_PAUSE = 6  # seconds; segment names are exact to one, and a recorder's pauses are longer


@dataclass
class RecordingSource:
    """The frames of a recording, through all its segments.

    Tracks continue from one segment to the next. If the connection was lost in between, the epoch
    ends as it did live. It also ends where nothing was recorded for some seconds, which is reported
    at the end. Presentation times are counted from the recording's beginning, outages included; the
    length of an outage is taken from the segment names, exact to a second.

    Attributes:
        folder: Folder that a `Recorder` wrote.
        name: Name of the stream.
        selection: Frames to use.
        hardware: Device that decodes, see `hardware_decoder`.
        paced: Whether frames are read at their original pace, not as fast as possible.
        runtime: See `SourceRuntime`.
    """

    folder: Path
    _: KW_ONLY
    name: str
    selection: FrameSelection = field(default_factory=FrameSelection)
    hardware: str = "off"
    paced: bool = False
    runtime: SourceRuntime = field(default_factory=SourceRuntime)

    def records(self, allocator: FrameAllocator) -> Generator[SourceRecord, None, None]:
        """See `Source.records`; unreadable segments are skipped, and reported at the end."""
        reader = FrameReader(
            str(self.folder), self.name, self.selection, self.runtime, hardware=self.hardware
        )
        progress = _Progress()
        unreadable = 0
        end = _end_of(self.folder)
        segments = deque(segments_of(self.folder))
        set_back = _set_back(segments)
        began: datetime | None = None
        while segments and not reader.selection_over:
            segment = segments.popleft()
            path = segment.path
            began = began or segment.began
            since_first = Fraction((segment.began - began).total_seconds())
            pause = progress.pause_before(segment)
            try:
                with open_media(str(path), hardware=self.hardware) as container:
                    stream = video_stream(container, str(path))
                    set_threads(stream, paced=self.paced)
                    if pause > _LONGEST_PAUSE:
                        reader.gaps.note(float(pause), reader.seen - 1)
                    begins = since_first
                    if reader.epoch >= 0:
                        # Packets that cannot be decoded take time, too, but leaps of the camera's
                        # clock in them do not.
                        ends = max(reader.ends, min(progress.ends, since_first))
                        begins = ends + max(pause, Fraction(0))
                    continues = progress.is_of(segment.epoch) and pause <= _LONGEST_PAUSE
                    if not continues:
                        progress.begin(begins)
                    yield from reader.read(
                        container,
                        stream,
                        allocator,
                        continues=continues,
                        begins=begins,
                        packets=_joined(container, stream, segment, segments, progress),
                    )
                unreadable += bool(reader.broken)
            except SourceError:
                unreadable += 1
        if reader.epoch < 0:
            raise SourceError(f"{self.folder} holds no segment that can be read")
        faults = []
        if unreadable:
            faults.append(f"{counted(unreadable, 'segment')} of {self.folder} cannot be read")
        if progress.cut_off:
            verb = "is" if progress.cut_off == 1 else "are"
            faults.append(f"{counted(progress.cut_off, 'segment')} of {self.folder} {verb} cut off")
        if not reader.selection_over and _end_of(self.folder) != end:
            faults.append(f"{self.folder} grew while it was read; the frames added may be missing")
        reason = EndReason.TRUNCATED if faults else EndReason.COMPLETE
        if gaps := reader.gaps.in_words():
            faults.append(f"{self.folder} has {gaps}")
        if set_back:
            fault = f"the clock was set back before {set_back.path.name} of {self.folder} began"
            faults.append(f"{fault}; the length of the gap there is unknown")
        yield EndOfStream(self.name, reader.epoch, reader.given, reason, "; ".join(faults))


def _end_of(folder: Path) -> tuple[Segment, int] | None:
    """Returns the last segment of a recording and its size in bytes; None if there is none."""
    segments = segments_of(folder)
    return (segments[-1], file_size(segments[-1].path)) if segments else None


def _set_back(segments: Sequence[Segment]) -> Segment | None:
    """Returns the first segment whose name states an earlier start than its predecessor's."""
    return next(
        (later for earlier, later in itertools.pairwise(segments) if later.began < earlier.began),
        None,
    )


class _Progress:
    """How far a recording has been read.

    A camera's clock drifts from the clock of the segment names, so the two are compared only from
    one segment to the next.

    Attributes:
        last: Time of the latest packet in ticks.
        cut_off: Number of segments that end before the length that they state.
    """

    def __init__(self) -> None:
        self._segment: Segment | None = None  # the one that was read last
        self._first: int | None = None  # time of its first packet, in ticks
        self._begins = Fraction(0)  # of the epoch, in seconds
        self._origin: int | None = None  # time of the epoch's first packet, in ticks
        self._time_base = self._frame_seconds = Fraction(0)
        self.last = 0
        self.cut_off = 0

    def begin(self, begins: Fraction) -> None:
        """Notes that the next packet begins an epoch, at ``begins`` seconds."""
        self._begins, self._origin = begins, None

    @property
    def ends(self) -> Fraction:
        """When the latest packet ends, in seconds, leaps of the camera's clock included."""
        if self._origin is None:
            return self._begins
        return self._begins + (self.last - self._origin) * self._time_base + self._frame_seconds

    def follow(
        self,
        segment: Segment,
        container: InputContainer,
        stream: VideoStream,
        packets: Iterable[av.Packet],
    ) -> Iterator[av.Packet]:
        """Yields the packets of a segment, without the empty ones that flush a decoder."""
        self._segment, self._first, self.last = segment, None, 0
        self._time_base, self._frame_seconds = time_base(stream), 1 / frame_rate(stream)
        ends = 0  # of the latest packet, in ticks
        for packet in packets:
            if packet.size:
                pts = packet.pts or 0
                self._first = pts if self._first is None else self._first
                self._origin = pts if self._origin is None else self._origin
                self.last = max(self.last, pts)
                ends = max(ends, pts + (packet.duration or 0))
                yield packet
        length = stated_length(container, stream)  # None if the recorder was killed
        if length is not None:
            # Times and the length count from where the connection began, not the segment.
            begins = float((self._first or 0) * self._time_base)
            self.cut_off += ends_early(float(ends * self._time_base) - begins, length - begins)

    def is_of(self, epoch: int) -> bool:
        """Returns whether the segment read last is of this epoch."""
        return self._segment is not None and self._segment.epoch == epoch

    def pause_before(self, later: Segment) -> Fraction:
        """Returns the seconds between the end of the segment read last and a later one.

        The segment names make that exact to one second; it is negative if their clock was set back.
        """
        if self._segment is None:
            return Fraction(0)
        passed = Fraction((later.began - self._segment.began).total_seconds())
        ticks = 0 if self._first is None else self.last - self._first
        return passed - ticks * self._time_base - self._frame_seconds


def _joined(
    container: InputContainer,
    stream: VideoStream,
    segment: Segment,
    later: deque[Segment],
    progress: _Progress,
) -> Iterator[av.Packet]:
    """Yields the packets of a segment and of those that continue it, for one decoder.

    Frames shown before the key frame that begins a segment refer to the previous segment, so a new
    decoder would leave them out.

    Args:
        container: The segment's container.
        stream: Its video stream, whose decoder takes all packets.
        segment: The segment.
        later: The segments after it; those that are read are taken from this queue.
        progress: Follows the packets.
    """
    yield from progress.follow(segment, container, stream, container.demux(stream))
    while later and later[0].epoch == segment.epoch:
        try:
            with open_media(str(later[0].path)) as following:
                packets = following.demux(other := video_stream(following, ""))
                first = next(packets)
                hole = abs((first.pts or 0) - progress.last) * time_base(other)
                if hole > _HOLE_SECONDS or not _is_alike(stream, other):
                    break
                packets = itertools.chain([first], packets)
                for packet in progress.follow(later.popleft(), following, other, packets):
                    packet.stream = stream
                    yield packet
        except SourceError:
            break
    last = av.Packet()
    last.stream = stream
    yield last


def _is_alike(one: VideoStream, other: VideoStream) -> bool:
    """Returns whether one decoder can decode both; it finds a change of size in the packets."""
    first, second = one.codec_context, other.codec_context
    return (first.name, first.extradata) == (second.name, second.extradata)
