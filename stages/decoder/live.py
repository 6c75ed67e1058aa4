"""Reads a camera or a live stream, reconnecting whenever it breaks off."""

from __future__ import annotations

import math
from collections.abc import Generator, Iterable, Iterator, Mapping
from dataclasses import KW_ONLY, dataclass, field, replace

import av
import av.error
from av.container import InputContainer
from av.video.stream import VideoStream

from stages.decoder.clock_pace import ClockPace
from stages.decoder.container_facts import (
    frame_count,
    goes_on,
    is_finished,
    lacks_size,
)
from stages.decoder.containers import (
    open_media,
    report_choice,
    set_threads,
    video_stream,
)
from stages.decoder.frame_reader import FrameReader
from stages.decoder.live_options import LiveOptions
from stages.decoder.live_packets import live_packets
from stages.decoder.outages import Outages
from stages.decoder.pace import LONGEST_GAP, Pace
from stages.decoder.recorder import Recorder
from stages.decoder.source import (
    FrameAllocator,
    FrameSelection,
    ResumePoint,
    SourceRecord,
    SourceRuntime,
)
from stages.errors import SourceError
from stages.records import Dropped, EndOfStream, EndReason, Frame, StreamStart
from stages.urls import is_session, redact

_FIRST_FRAME_PATIENCE = 4  # times as long as for later frames of a connection
# When a segment is lost, the next one is awaited. Waiting for the gap as well would delay all later
# ones until they are lost, too.
_LIVE_GAP_SECONDS = 0.5
_AHEAD_SECONDS = 5.0  # longer than what a camera's server may buffer and send at once
_REFUSED = (av.error.HTTPUnauthorizedError, av.error.HTTPForbiddenError)
_HOPELESS = (
    *_REFUSED,
    av.error.ProtocolNotFoundError,
    av.error.DemuxerNotFoundError,
    av.error.OptionNotFoundError,
)


@dataclass
class LiveSource:
    """An endless stream from a camera device or any URL that FFmpeg reads.

    Every connection begins an epoch, and so does a change of size; sequence and frame numbers
    continue across epochs. A finished video behind any URL is read at its own pace and ends the
    stream.

    Attributes:
        location: URL, ``/dev/video<n>`` or the file of an RTP session, see `is_session`.
        name: Name of the stream.
        selection: Frames to use; the last one ends the stream.
        options: Options of the connection.
        hardware: Device that decodes, see `hardware_decoder`.
        recorder: Records the incoming packets, if given.
        resume_from: Where an earlier process of the stream stopped.
        runtime: See `SourceRuntime`; `Outages` reports outages to it.
    """

    location: str
    _: KW_ONLY
    name: str
    selection: FrameSelection = field(default_factory=FrameSelection)
    options: LiveOptions = field(default_factory=LiveOptions)
    hardware: str = "off"
    recorder: Recorder | None = None
    resume_from: ResumePoint = field(default_factory=ResumePoint)
    runtime: SourceRuntime = field(default_factory=SourceRuntime)

    def __post_init__(self) -> None:
        self._source = redact(self.location)
        is_url = "://" in self.location
        self._format = "sdp" if is_session(self.location) else None if is_url else "v4l2"
        self._was_live = False  # whether a connection that was not a finished video gave a frame
        self._has_advised = False
        self._has_reported_blank = False
        self._has_reported_pace = False

    def records(self, allocator: FrameAllocator) -> Generator[SourceRecord, None, None]:
        """See `Source.records`; ends when the runtime's ``wait`` returns True.

        Raises:
            SourceError: The first connection delivered no frame in time, or never will (wrong
                password unless ``patient``, unknown protocol).
        """
        options, runtime, monotonic = self.options, self.runtime, self.runtime.monotonic
        reader = FrameReader(
            self._source,
            self.name,
            self.selection,
            runtime,
            hardware=self.hardware,
            live=True,
            resume_from=self.resume_from,
        )
        outages = Outages(self._source, options, runtime)
        started = monotonic()
        while True:
            lost, hopeless, end = "the connection ended", False, None
            try:
                end = yield from self._connection(reader, allocator, outages)
            except SourceError as error:
                hopeless = isinstance(error.__cause__, _HOPELESS)
                may_pass = options.patient and isinstance(error.__cause__, _REFUSED)
                if reader.epoch < 0 and hopeless and not may_pass:
                    raise
                lost = str(error)
            if reader.selection_over:
                end = self._end(reader, EndReason.COMPLETE)
            if end is not None and reader.epoch >= 0:
                yield end
                return
            if reader.epoch < 0 and monotonic() - started > options.connect_seconds:
                raise SourceError(f"{lost}; gave up after {options.connect_seconds:g} s")
            if reader.epoch >= 0 and not options.reconnect:
                yield self._end(reader, EndReason.COMPLETE, lost)
                return
            pause = outages.failed(lost)
            if runtime.wait(options.refused_wait if hopeless else pause):
                return

    def _connection(
        self, reader: FrameReader, allocator: FrameAllocator, outages: Outages
    ) -> Generator[SourceRecord, None, EndOfStream | None]:
        """Yields the records of one connection; returns the end record if the stream ends here."""
        runtime = self.runtime
        # FFmpeg's own timeout restarts with every byte; PyAV's limits a whole packet.
        patience = 3 * self.options.timeout
        with self._connect(patience) as container:
            stream = video_stream(container, self._source)
            if reader.epoch < 0:
                report_choice(container, stream, self._source, runtime.notify)
            set_threads(stream, paced=True)  # frame threads would add a frame of delay each
            finished = is_finished(container, stream)
            is_video = finished and not self._was_live
            is_playlist = container.format.name == "hls"
            if is_playlist and finished and self._was_live:
                return self._end(reader, EndReason.COMPLETE)  # it ended while it was read
            if is_video and self.resume_from.epochs:
                broken = f"{self._source} is a video that cannot be resumed in the middle"
                return self._end(reader, EndReason.TRUNCATED, broken)
            # HLS segments arrive faster than real time, and so does a finished video.
            is_early = finished or is_playlist
            gap = LONGEST_GAP if finished else _LIVE_GAP_SECONDS
            pace = Pace(runtime.wait, runtime.clock, longest_gap=gap) if is_early else None
            clock_pace = ClockPace(runtime.monotonic)
            packets = self._packets(container, stream, reader, pace, patience)
            records = reader.read(container, stream, allocator, packets=packets)
            records = self._followed(records, outages, clock_pace, pace, finished)
            has_length = finished and container.format.name == "rtsp"
            try:
                yield from records
            except SourceError as error:
                # If nothing is missing, it has ended, although the server does not say so.
                if not has_length or reader.missing(container, stream):
                    if (
                        not is_video
                        or reader.epoch < 0
                        or goes_on(container, stream, reader.arrived)
                    ):
                        raise
                    # Another connection would start again from the beginning.
                    return self._end(reader, EndReason.TRUNCATED, str(error))
            if not is_video or goes_on(container, stream, reader.arrived):
                self._advise_to_read_once(clock_pace.ahead)
                if is_playlist:  # FFmpeg does not report why it ends, only why it cannot be opened
                    self._connect(patience).close()
                return None
            has_length = has_length or frame_count(container, stream) is not None
            missing = reader.missing(container, stream) if has_length else None
        if missing:
            broken = f"{self._source} breaks off after {missing}"
            return self._end(reader, EndReason.TRUNCATED, broken)
        return self._end(reader, EndReason.COMPLETE)

    def _followed(
        self,
        records: Iterable[StreamStart | Frame | Dropped],
        outages: Outages,
        clock_pace: ClockPace,
        pace: Pace | None,
        finished: bool,
    ) -> Iterator[StreamStart | Frame | Dropped]:
        """Yields the same records, frames when they are due, and tracks the connection's state."""
        for record in records:
            if isinstance(record, Frame):
                self._was_live = self._was_live or not finished
                if outages.frame_came():
                    self.runtime.connected()
                ratio = clock_pace.follow(record.header.seconds)
                if pace is not None:
                    record = replace(record, header=pace.hold(record.header))
                elif ratio is not None:
                    self._report_pace(ratio)
            yield record

    def _connect(self, patience: float) -> InputContainer:
        options = {} if self._format == "v4l2" else self.options.for_ffmpeg(self.location)
        with self.runtime.waited:
            container = self._open(options, patience)
            if options.pop("analyzeduration", "") and lacks_size(container):
                container.close()
                container = self._open(options, patience)
        return container

    def _open(self, options: Mapping[str, str], patience: float) -> InputContainer:
        return open_media(
            self.location,
            options=options,
            container_format=self._format,
            timeout=patience,
            hardware=self.hardware,
        )

    def _packets(
        self,
        container: InputContainer,
        stream: VideoStream,
        reader: FrameReader,
        pace: Pace | None,
        patience: float,
    ) -> Iterator[av.Packet]:
        runtime = self.runtime
        packets = live_packets(container, stream, patience, runtime.waited, runtime.monotonic)
        if pace is not None:
            packets = pace.timed(packets)
        if self.recorder is not None:
            packets = _recorded(packets, self.recorder, stream, reader.epoch + 1)
        return self._watched(packets, reader, patience)

    def _watched(
        self, packets: Iterator[av.Packet], reader: FrameReader, patience: float
    ) -> Iterator[av.Packet]:
        """Yields the same packets as long as they produce frames.

        Where key frames are rare, the first frame may take long: that is reported once. The first
        frame of the stream is awaited without limit.

        Raises:
            SourceError: No frame came for ``patience``, e.g. because another encoder has taken
                over, or for four times as long at the start of a later connection.
        """
        monotonic = self.runtime.monotonic
        longest = math.inf if reader.epoch < 0 else _FIRST_FRAME_PATIENCE * patience
        arrived, since = 0, monotonic()
        for packet in packets:
            yield packet
            if reader.arrived > arrived:
                arrived, since, longest = reader.arrived, monotonic(), patience
                self._has_reported_blank = False
                continue
            blank = monotonic() - since
            if blank > longest:
                raise SourceError("the connection delivered data, but no picture in time")
            if blank > patience and not self._has_reported_blank:
                self._has_reported_blank = True
                self.runtime.notify(
                    f"{self._source} sends data but no picture; waiting for a key frame"
                )

    def _report_pace(self, ratio: float) -> None:
        if not self._has_reported_pace:
            self._has_reported_pace = True
            self.runtime.notify(
                f"the timestamps of {self._source} advance by {ratio:.2f} s per second; speeds and "
                f"dwell times are measured by them"
            )

    def _advise_to_read_once(self, ahead: float) -> None:
        """Advises how to read a finished video, if frames came earlier than a camera's could."""
        if ahead < _AHEAD_SECONDS or self._has_advised or not self.options.reconnect:
            return
        self._has_advised = True
        self.runtime.notify(
            f"{self._source} arrives faster than real time; if it is a finished video, "
            f"--set decoder.reconnect=false --set runtime.mode=lossless reads it once, completely"
        )

    def _end(self, reader: FrameReader, reason: EndReason, message: str = "") -> EndOfStream:
        return EndOfStream(self.name, reader.epoch, reader.given, reason, message)


def _recorded(
    packets: Iterator[av.Packet], recorder: Recorder, stream: VideoStream, epoch: int
) -> Iterator[av.Packet]:
    try:
        for packet in packets:
            recorder.write(packet, stream, epoch)
            yield packet
    finally:
        recorder.close()
