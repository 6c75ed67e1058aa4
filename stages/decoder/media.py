"""Frames of a video file or an FFmpeg URL, decoded by PyAV."""

from __future__ import annotations

import itertools
import re
import time
from collections.abc import Callable, Iterator, Mapping
from fractions import Fraction
from pathlib import Path
from typing import Literal, TypeAlias

import av
import av.error
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from stages.decoder.gaps import Gaps
from stages.decoder.hardware import hardware_decoder
from stages.decoder.losses import LostFrames
from stages.decoder.pixels import fill, pixel_format_of, quarter_turns, upright_size
from stages.decoder.presentation import PresentationTimes
from stages.decoder.source import FrameAllocator, FrameSelection, SourceRecord, StreamPlace
from stages.errors import SourceError
from stages.records import (
    Dropped,
    EndOfStream,
    EndReason,
    Frame,
    FrameHeader,
    StreamStart,
)

Tap: TypeAlias = Callable[[av.Packet], None]

_PRESENTING = frozenset({"matroska", "mp4", "mpegts"})  # AVI for one times packets as decoded


def redact(location: str) -> str:
    """The location without user name, password and query, which often holds a token.

    A password may hold ``@``, ``/`` and ``?``, though it should not: all up to the last ``@`` goes.
    """
    if "://" not in location:
        return location
    return re.sub(r"(?<=://).*@", "", location).partition("?")[0]


class MediaSource:
    """A video of any container and codec that FFmpeg reads, from its start to its end.

    Frames come out upright, as planar YUV 4:2:0, limited range, or as BGR where a side is odd.

    Args:
        location: A path or URL.
        name: Of the stream.
        selection: Which frames; None for all.
        layout: See `StreamStart`.
        hardware: FFmpeg's name of a device that decodes, ``"auto"``, or ``"off"``.
        paced: Frames are taken at their pace: fewer threads decode them, with less delay.
        notify: Takes a line for the user.
        clock: Wall clock, ns since the epoch.
    """

    resumes = False

    def __init__(
        self,
        location: str,
        *,
        name: str,
        selection: FrameSelection | None = None,
        layout: str = "",
        hardware: str = "off",
        paced: bool = False,
        notify: Callable[[str], None] = lambda message: None,
        clock: Callable[[], int] = time.time_ns,
    ) -> None:
        self.location = location
        self.name = name
        self.selection = selection or FrameSelection()
        self.layout = layout
        self.hardware = hardware
        self.paced = paced
        self.notify = notify
        self.clock = clock

    def records(self, allocator: FrameAllocator) -> Iterator[SourceRecord]:
        """See `Source.records`."""
        reader = FrameReader(self.location, self.name, self.selection, self.layout, self.clock)
        place = redact(self.location)
        with open_media(self.location, hardware=self.hardware) as container:
            stream = video_stream(container, place)
            if self.hardware != "off":
                self.notify(decoded_by(stream, place))
            stream.thread_type = thread_type(self.paced)
            yield from reader.read(container, stream, allocator)
            if reader.epoch < 0:
                if reader.seen == 0:
                    raise SourceError(f"{place} gave no frame that can be decoded")
                raise SourceError(
                    f"none of the {reader.seen} frames of {place} is in the chosen range "
                    f"and can be decoded"
                )
            missing = None if reader.finished else reader.missing(container, stream)
        gaps = reader.gaps.in_words()
        faults = [f"{place} breaks off after {missing}"] if missing else []
        faults += [f"{place} has {gaps}"] if gaps else []
        reason = EndReason.TRUNCATED if missing else EndReason.COMPLETE
        yield EndOfStream(self.name, reader.epoch, reader.given, reason, "; ".join(faults))


def open_media(
    location: str,
    *,
    options: Mapping[str, str] | None = None,
    container_format: str | None = None,
    timeout: float | None = None,
    hardware: str = "off",
) -> InputContainer:
    """Opens a file or URL.

    Args:
        location: Which.
        options: FFmpeg's own.
        container_format: Its format, where FFmpeg is not to guess.
        timeout: Seconds that opening, and each packet after it, may take at most.
        hardware: What decodes it, see `hardware_decoder`; the CPU where that does not.

    Raises:
        SourceError: It cannot be opened; FFmpeg's error is its cause.
    """
    device = hardware_decoder(hardware)
    try:
        return av.open(
            location,
            format=container_format,
            options=dict(options or {}),
            timeout=timeout,
            hwaccel=device,
        )
    except (av.error.FFmpegError, OSError, ValueError) as error:
        place = redact(location)
        if "://" not in location and not Path(location).exists():
            raise SourceError(f"no such file: {place}") from error
        if isinstance(error, av.error.ProtocolNotFoundError):
            scheme = location.partition("://")[0]
            raise SourceError(
                f"cannot open {place}: the FFmpeg inside PyAV was built without {scheme}://"
            ) from error
        reason = getattr(error, "strerror", None) or redact(str(error))
        raise SourceError(f"cannot open {place} as a video: {reason}") from error


def thread_type(paced: bool) -> Literal["AUTO", "SLICE"]:
    """How FFmpeg's threads share the work: each takes frames of its own, or a part of a frame.

    The former is faster, and holds more frames (960×540 on two cores: 4 MB); a stream that takes
    its time has no use for it.
    """
    return "SLICE" if paced else "AUTO"


def decoded_by(stream: VideoStream, place: str) -> str:
    """In words, for who asked for hardware."""
    device = stream.codec_context.is_hwaccel
    return f"{place} is decoded by {'hardware' if device else 'the CPU: no hardware here does it'}"


def video_stream(container: InputContainer, place: str) -> VideoStream:
    """The first video stream of what ``place`` names in messages.

    Raises:
        SourceError: There is none, or FFmpeg cannot decode it.
    """
    if not container.streams.video:
        raise SourceError(f"{place} holds no video stream")
    stream = container.streams.video[0]
    if stream.codec_context is None:
        raise SourceError(
            f"{place} has a video codec that this FFmpeg cannot decode; convert it, "
            f"to H.264 for one"
        )
    return stream


class FrameReader:
    """Makes records of a container's packets; frame numbers go on where it reads another one.

    Attributes:
        epoch: Latest epoch, -1 before the first frame.
        seen: Frames decoded so far, chosen or not.
        given: Frames and drops given out so far.
        finished: Whether the last chosen frame has passed.
        gaps: Those of the latest container.

    Args:
        location: A path or URL, named to the user without credentials.
        name: Of the stream.
        selection: Which frames.
        layout: See `StreamStart`.
        clock: Wall clock, ns since the epoch.
        place: Where an earlier reader of the stream stopped; None at the start.
    """

    def __init__(
        self,
        location: str,
        name: str,
        selection: FrameSelection,
        layout: str,
        clock: Callable[[], int],
        place: StreamPlace | None = None,
    ) -> None:
        place = place or StreamPlace()
        self.epoch = place.epochs - 1
        self.seen = place.seen
        self.given = place.sequence
        self.finished = False
        self.gaps = Gaps(Fraction(1))
        self._location = location
        self._name = name
        self._selection = selection
        self._layout = layout
        self._clock = clock
        self._times: PresentationTimes | None = None
        self._size = (0, 0)
        self._hidden = 0

    def read(
        self,
        container: InputContainer,
        stream: VideoStream,
        allocator: FrameAllocator,
        *,
        continues: bool = False,
        tap: Tap = lambda packet: None,
    ) -> Iterator[StreamStart | Frame | Dropped]:
        """The records of one container, in an epoch of its own; another one if the size changes.

        Frames that are broken before the first whole one are passed over: a connection usually
        begins between two key frames.

        Args:
            container: What to read.
            stream: Its stream.
            allocator: Where the pixels go.
            continues: Whether it goes on where the one before ended: no new epoch then.
            tap: Called with every packet before it is decoded.
        """
        time_base = stream.time_base or Fraction(1, 90_000)
        rate = stream.average_rate or stream.guessed_rate or Fraction(25)
        total = _frame_count(container, stream)
        if not continues or self._times is None:
            self._size = (0, 0)
            self._times = PresentationTimes(rate, time_base)
            self.gaps = Gaps(time_base)

        def count(packet: av.Packet) -> None:
            self._hidden += packet.is_discard
            tap(packet)

        for frame in _frames(container, stream, count):
            index = self.seen
            if self._selection.ends_before(index):
                self.finished = True
                return
            self.seen += 1
            if frame is not None:
                pts = self._times.place(frame.pts)
                self.gaps.follow(index, pts)
            if not self._selection.takes(index):
                continue
            if frame is None:
                if self._size != (0, 0):
                    yield Dropped(self._name, self.epoch, self.given, self.given, "broken frame")
                    self.given += 1
                continue
            turns = quarter_turns(frame)
            size = upright_size(frame, turns)
            if size != self._size:
                self._size = size
                self.epoch += 1
                yield self._start(stream, frame, rate, time_base, total)
            pixel_format = pixel_format_of(frame)
            pixels = allocator.allocate(pixel_format.shape(*size))
            fill(pixels, frame, pixel_format, turns)
            header = FrameHeader(
                self._name,
                self.epoch,
                self.given,
                index,
                pts,
                time_base,
                self._clock(),
                *size,
                pixel_format,
            )
            self.given += 1
            yield Frame(header, pixels)

    def missing(self, container: InputContainer, stream: VideoStream) -> str | None:
        """How much of how much came, where the container promised more; None where it did not."""
        total = _frame_count(container, stream)
        if total is not None:
            total -= self._hidden
            return f"{self.seen} of {total} frames" if self.seen < total else None
        # Another stream, sound for one, may rightly last longer.
        last = None if self._times is None else self._times.last
        if last is None or container.duration is None or len(container.streams) > 1:
            return None
        length = container.duration / av.time_base
        seconds = float((last - (stream.start_time or 0)) * (stream.time_base or 0))
        return f"{seconds:.1f} of {length:.1f} s" if seconds < 0.95 * length - 0.5 else None

    def _start(
        self,
        stream: VideoStream,
        frame: VideoFrame,
        rate: Fraction,
        time_base: Fraction,
        total: int | None,
    ) -> StreamStart:
        return StreamStart(
            stream=self._name,
            epoch=self.epoch,
            source=redact(self._location),
            height=self._size[0],
            width=self._size[1],
            frame_rate=Fraction(rate),
            time_base=time_base,
            frame_count=None if total is None else self._selection.count(total),
            color_space=int(frame.colorspace),
            layout=self._layout,
        )


def _frames(
    container: InputContainer, stream: VideoStream, tap: Tap
) -> Iterator[VideoFrame | None]:
    """Every frame until the source ends or breaks off; None for one that is broken or lost."""
    presented = not _PRESENTING.isdisjoint(container.format.name.split(","))
    losses = LostFrames(presented=presented)
    for packet in _packets(container, stream):
        tap(packet)
        losses.sent(packet)
        try:
            frames = packet.decode()
        except av.error.EOFError:
            break
        except av.error.FFmpegError:
            losses.failed(packet)
            continue
        for frame in frames:
            assert isinstance(frame, VideoFrame)
            if losses.is_late(frame.pts):
                continue
            yield from itertools.repeat(None, losses.before(frame.pts))
            yield None if frame.is_corrupt else frame
    yield from itertools.repeat(None, losses.rest())


def _packets(container: InputContainer, stream: VideoStream) -> Iterator[av.Packet]:
    try:
        yield from container.demux(stream)
    except av.error.FFmpegError:
        return  # cut off


def _frame_count(container: InputContainer, stream: VideoStream) -> int | None:
    """What an MP4 or MOV says; elsewhere the number counts ticks (AVI) or is a guess."""
    return stream.frames or None if "mp4" in container.format.name else None
