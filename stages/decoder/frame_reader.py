"""Decodes a container's packets into records."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from fractions import Fraction

import av
import av.error
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.reformatter import VideoReformatter
from av.video.stream import VideoStream

from stages.decoder.capture_times import CaptureTimes
from stages.decoder.container_facts import (
    ends_early,
    frame_count,
    frame_rate,
    has_times,
    is_one_of,
    stated_length,
    time_base,
)
from stages.decoder.containers import report_decoder
from stages.decoder.decoding import decoded, flushed
from stages.decoder.gaps import Gaps
from stages.decoder.network_faults import reading_fault
from stages.decoder.pixels import (
    fill,
    is_woven,
    pixel_aspect,
    pixel_format_of,
    quarter_turns,
    upright_size,
)
from stages.decoder.presentation import PresentationTimes
from stages.decoder.source import FrameAllocator, FrameSelection, ResumePoint, SourceRuntime
from stages.decoder.unreceived import UnreceivedFrames
from stages.records import Dropped, DropReason, Frame, StreamStart
from stages.wording import counted

_INDEXED = frozenset({"mp4"})  # has an index, often at its end
_LATEST_TICK = 2**63 - 1  # as the origin, it makes the first frame begin at 0
_SIZED = frozenset({"avi", "flv", "mp4"})  # state the size of each packet; MPEG-TS may end anywhere


class FrameReader:
    """Makes records from packets; frame numbers continue from one container to the next.

    Presentation times are counted from the beginning of a container's video.

    Attributes:
        epoch: Latest epoch, -1 before the first frame.
        seen: Number of frames decoded or lost so far, selected or not.
        arrived: How many of these are from the latest container.
        given: Number of frames and drops yielded so far.
        selection_over: Whether the last selected frame has passed.
        broken: Error of the network or the disk that ended the latest container, or "".
        gaps: Gaps within the containers, not between them.

    Args:
        source: Location of the source, credentials removed.
        name: Name of the stream.
        selection: Frames to use.
        runtime: See `SourceRuntime`.
        layout: See `StreamStart`.
        hardware: Device that decodes, see `report_decoder`.
        live: Whether frames are dated as they arrive, see `PresentationTimes` and `CaptureTimes`.
        resume_from: Where an earlier reader of the stream stopped; None at the start.
    """

    def __init__(
        self,
        source: str,
        name: str,
        selection: FrameSelection,
        runtime: SourceRuntime,
        *,
        layout: str = "",
        hardware: str = "off",
        live: bool = False,
        resume_from: ResumePoint | None = None,
    ) -> None:
        resume_from = resume_from or ResumePoint()
        self.epoch = resume_from.epochs - 1
        self.seen = resume_from.seen
        self.arrived = 0
        self.given = resume_from.sequence
        self.selection_over = False
        self.broken = ""
        self.gaps = Gaps()
        self._source = source
        self._name = name
        self._selection = selection
        self._layout = layout
        self._runtime = runtime
        self._hardware = hardware
        self._live = live
        self._reformatter = VideoReformatter()
        self._unreceived: UnreceivedFrames | None = None
        self._times: PresentationTimes | None = None
        self._start: StreamStart | None = None
        self._hidden = 0
        self._is_cut_off = False  # whether a part of the latest packet is missing

    def read(
        self,
        container: InputContainer,
        stream: VideoStream,
        allocator: FrameAllocator,
        *,
        continues: bool = False,
        begins: Fraction = Fraction(0),
        packets: Iterable[av.Packet] | None = None,
    ) -> Iterator[StreamStart | Frame | Dropped]:
        """Yields the records of one container in a new epoch; a change of size begins another.

        Broken frames before the first intact one are skipped: a connection usually begins between
        two key frames.

        Args:
            container: The container to read.
            stream: Its video stream.
            allocator: Allocates the memory for the pixels.
            continues: Whether it continues the previous container, without a new epoch, and with
                the same clock.
            begins: If it does not continue: start of the presentation times, in seconds.
            packets: Packets of the stream, by default all. An FFmpeg error ends them: the container
                is cut off.
        """
        if not continues or self._times is None:
            self._times = self._begin(container, stream, begins)
        self.arrived = self._hidden = 0
        self.broken = ""
        self._is_cut_off = False

        packets = flushed(container.demux(stream) if packets is None else packets, stream)
        unfinished = 1 if container.format.name in ("rtsp", "sdp") else 2
        captures = CaptureTimes(time_base(stream), unfinished)
        if self._live:  # a file's frames are dated when they are decoded
            packets = captures.watched(packets, self._runtime.monotonic)
        for frame in decoded(self._counted(container, packets), stream):
            index = self.seen
            if self._selection.ends_before(index):
                self.selection_over = True
                return
            self.seen += 1
            self.arrived += 1
            if frame is not None:
                pts = self._times.place(frame.pts)
                self.gaps.follow(index, pts)
                self._report_unreceived(index, pts)
            if not self._selection.takes(index):
                continue
            if frame is None:
                if self._start is not None:
                    given, why = self.given, DropReason.BROKEN
                    yield Dropped(self._name, self.epoch, given, given, why)
                    self.given += 1
                continue
            turns = quarter_turns(frame)
            size = upright_size(frame, turns)
            start = self._start
            if start is None or size != (start.height, start.width):
                self.epoch += 1
                start = self._start = self._start_of(container, stream, frame, turns)
                if self.epoch == 0:
                    report_decoder(stream, self._source, self._hardware, self._runtime.notify)
                yield start
            pixel_format = pixel_format_of(frame)
            pixels = allocator.allocate(pixel_format.shape(*size))
            woven = is_woven(frame, stream)
            fill(pixels, frame, pixel_format, turns, self._reformatter, woven=woven)
            captured_ns = captures.date(frame.pts, pts, self._runtime.clock())
            header = start.header(self.given, index, pts, captured_ns, pixel_format)
            self.given += 1
            yield Frame(header, pixels)

    def _begin(
        self, container: InputContainer, stream: VideoStream, begins: Fraction
    ) -> PresentationTimes:
        """Begins a container that does not continue the previous one; returns its times."""
        self._start = None
        unit = time_base(stream)
        first = round(begins / unit)
        zero = stream.start_time
        if zero is None:  # FFmpeg has seen too little, as of a live stream or a few frames
            zero = _LATEST_TICK
        self.gaps.begin(unit)
        is_timed = self._live and has_times(container)
        self._unreceived = UnreceivedFrames(unit) if is_timed else None
        return PresentationTimes(
            frame_rate(stream),
            unit,
            self._runtime.monotonic if self._live else None,
            origin=zero - first,
            begins=first,
        )

    @property
    def ends(self) -> Fraction:
        """When the latest frame ends, in seconds; 0 before the first."""
        if self._times is None or self._times.last is None:
            return Fraction(0)
        return (self._times.last + self._times.frame) * self._times.time_base

    def missing(self, container: InputContainer, stream: VideoStream) -> str | None:
        """Returns how much arrived of what the container states; None if all did."""
        total = frame_count(container, stream)
        if total is not None:
            total -= self._hidden
            return f"{self.arrived} of {total} frames" if self.arrived < total else None
        times, length = self._times, stated_length(container, stream)
        if times is not None and times.last is not None and length is not None:
            # Matroska states the end of the last frame, even in a part that starts after 0.
            last = max(times.last, times.last + times.origin)
            seconds = float((last + times.frame) * (stream.time_base or 0))
            if ends_early(seconds, length):
                return f"{seconds:.1f} of {length:.1f} s"
        cut_off = self._is_cut_off and is_one_of(container, _SIZED)
        return counted(self.arrived, "frame") if cut_off else None

    def _counted(
        self, container: InputContainer, packets: Iterable[av.Packet]
    ) -> Iterator[av.Packet]:
        try:
            for packet in packets:
                self._hidden += packet.is_discard
                if packet.size:
                    self._is_cut_off = packet.is_corrupt
                yield packet
        except av.error.ExitError:
            self.broken = f"no video arrived for {container.read_timeout:g} s"
        except av.error.FFmpegError as error:
            if isinstance(error, OSError):
                self.broken = reading_fault(
                    error,
                    container.name,
                    container.options,
                    has_begun=bool(self.arrived) or not is_one_of(container, _INDEXED),
                )

    def _report_unreceived(self, index: int, pts: int) -> None:
        if self._unreceived is None:
            return
        if owed := self._unreceived.follow(index, pts, self._runtime.monotonic()):
            self._runtime.not_received(owed)

    def _start_of(
        self, container: InputContainer, stream: VideoStream, frame: VideoFrame, turns: int
    ) -> StreamStart:
        height, width = upright_size(frame, turns)
        total = frame_count(container, stream)
        return StreamStart(
            stream=self._name,
            epoch=self.epoch,
            source=self._source,
            height=height,
            width=width,
            frame_rate=frame_rate(stream),
            time_base=time_base(stream),
            frame_count=None if total is None else self._selection.count(total),
            color_space=int(frame.colorspace),
            pixel_aspect=pixel_aspect(stream, turns),
            layout=self._layout,
            live=self._live,
        )
