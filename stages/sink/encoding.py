"""Encodes the overlay as H.264: frame by frame into a journal, muxed into an MP4 at the end.

An MP4 is unreadable if its writer is killed, a journal is not. Only the finished video is an MP4.
"""

from __future__ import annotations

import contextlib
import io
import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import av
import msgspec
from av.codec.context import Flags
from av.error import ArgumentError, FFmpegError, InvalidDataError
from av.video.codeccontext import VideoCodecContext
from av.video.frame import PictureType, VideoFrame
from av.video.stream import VideoStream

from stages.atomic import part_path, sync, writing
from stages.color_spaces import LIMITED_RANGE
from stages.errors import OutputError
from stages.sink.encoders import X264, Encoder
from stages.sink.journal import Journal, read_journal

log = logging.getLogger(__name__)

_INDEX_BYTES = 4096  # of an MP4's header
_INDEX_FRAME_BYTES = 36  # the most that a frame takes in stts, stss, stsc, stsz and co64
_MAX_INDEX_BYTES = 2**31 - 1  # the most that FFmpeg can reserve

MAX_FRAMES = (_MAX_INDEX_BYTES - _INDEX_BYTES) // _INDEX_FRAME_BYTES
"""Most frames that an MP4's index has room for: 27 days at 25 frames a second."""


@dataclass(frozen=True, slots=True)
class VideoSettings:
    """How a video is encoded.

    Attributes:
        width: Width in pixels, even.
        height: Height in pixels, even.
        time_base: Unit of presentation times, in seconds.
        frame_rate: Frames per second, as a hint for the encoder.
        color_space: FFmpeg's ``AVColorSpace`` number.
        pixel_aspect: Width of a pixel divided by its height.
        crf: Quality of x264, 0 (lossless) to 51.
        preset: Preset of x264.
        encoder: The encoder.
        keyframe_seconds: Key frame interval in seconds, the most that a player has to decode after
            seeking.
    """

    width: int
    height: int
    time_base: Fraction
    frame_rate: Fraction
    color_space: int
    pixel_aspect: Fraction
    crf: int
    preset: str
    encoder: Encoder = X264
    keyframe_seconds: float = 4.0

    @property
    def frame_duration(self) -> int:
        """Duration of a frame at `frame_rate`, in units of the time base."""
        return max(1, round(1 / (self._rate * self.time_base)))

    @property
    def keyframe_ticks(self) -> int:
        """`keyframe_seconds` in units of the time base."""
        return round(self.keyframe_seconds / self.time_base)

    @property
    def _rate(self) -> Fraction:
        # FFmpeg's fractions have 32-bit terms.
        rate = self.frame_rate if self.frame_rate > 0 else Fraction(25)
        return rate.limit_denominator(1_000_000)

    def open_encoder(self) -> VideoCodecContext:
        """Opens an encoder with these settings; raises FFmpeg's error if that fails."""
        context = av.CodecContext.create(self.encoder.name, "w")
        assert isinstance(context, VideoCodecContext)
        context.options = self.encoder.options(self.crf, self.preset)
        self._describe(context)
        context.framerate = self._rate
        context.time_base = self.time_base
        context.gop_size = max(1, min(250, round(self.keyframe_seconds * self._rate)))
        context.thread_count = 1
        context.flags |= Flags.global_header
        context.open()
        return context

    def add_to(self, container: av.container.OutputContainer, parameters: bytes) -> VideoStream:
        """Adds a stream for packets with these settings, and with ``parameters`` as SPS and PPS.

        No encoder is opened: a hardware encoder may refuse another session.
        """
        with av.open(io.BytesIO(parameters), format="h264") as header:
            stream = container.add_stream_from_template(header.streams.video[0], opaque=True)
        self._describe(stream.codec_context)
        stream.codec_context.extradata = parameters
        stream.time_base = self.time_base
        return stream

    def _describe(self, context: VideoCodecContext) -> None:
        context.width, context.height = self.width, self.height
        context.pix_fmt = self.encoder.pixel_format
        context.colorspace = self.color_space
        context.color_range = LIMITED_RANGE
        context.sample_aspect_ratio = self.pixel_aspect


@dataclass(frozen=True, slots=True)
class EncodedPicture:
    """A picture as the encoder outputs it.

    Attributes:
        settings: The settings of its video, with the encoder actually used.
        parameters: SPS and PPS.
        pts: Presentation time in units of ``settings.time_base``.
        is_key: Whether a decoder can start with it.
        data: H.264 in Annex B format.
    """

    settings: VideoSettings
    parameters: bytes
    pts: int
    is_key: bool
    data: bytes


class _Packet(msgspec.Struct, frozen=True, array_like=True):
    """A packet; the first one in a journal also has the encoder, and the SPS and PPS."""

    pts: int
    key: bool
    data: bytes
    encoder: Encoder | None = None
    parameters: bytes = b""


class PacketWriter:
    """Encodes frames into a journal; all errors are `OutputError`.

    Args:
        journal: The file, created or overwritten.
        path: Final name of the video, for messages.
        settings: How to encode. x264 is used if a hardware encoder refuses, even if it worked for
            other videos: the number of its concurrent sessions may be limited.
        continues: Whether the video already has packets, so that its encoder must not change.
        on_picture: Called with each picture, before it is written.
    """

    def __init__(
        self,
        journal: Path,
        path: Path,
        settings: VideoSettings,
        *,
        continues: bool = False,
        on_picture: Callable[[EncodedPicture], None] | None = None,
    ) -> None:
        self._path = path
        self._on_picture = on_picture
        with errors_of(path):
            try:
                self._context = settings.open_encoder()
            except FFmpegError as error:
                if continues or settings.encoder == X264:
                    raise
                why = f"{settings.encoder.name}: {error.strerror}"
                log.warning("overlay: %s is encoded by the CPU: %s", path, why)
                settings = replace(settings, encoder=X264)
                self._context = settings.open_encoder()
        self._journal = Journal(journal, shown=path)
        self._settings = settings
        self._latest_key = 0
        self._parameters = self._context.extradata or b""
        self._origin: tuple[()] | tuple[Encoder, bytes]
        self._origin = settings.encoder, self._parameters

    def encode(self, frame: VideoFrame) -> int:
        """Encodes a frame; returns the number of frames added to the journal."""
        with errors_of(self._path):
            if frame.format.name != self._context.pix_fmt:
                frame = frame.reformat(format=self._context.pix_fmt)
            assert frame.pts is not None
            if frame.pts - self._latest_key >= self._settings.keyframe_ticks:
                frame.pict_type = PictureType.I  # the encoder counts frames, not time
            return self._write(self._context.encode(frame))

    def finish(self) -> int:
        """Writes the frames that the encoder still holds; returns their number."""
        with errors_of(self._path):
            return self._write(self._context.encode(None))

    def close(self) -> None:
        """Closes the journal; the file stays."""
        self._journal.close()

    def _write(self, packets: Sequence[av.Packet]) -> int:
        for packet in packets:
            assert packet.pts is not None
            pts, is_key, data = packet.pts, packet.is_keyframe, bytes(packet)
            if is_key:
                self._latest_key = pts
            if self._on_picture is not None:
                self._on_picture(
                    EncodedPicture(self._settings, self._parameters, pts, is_key, data)
                )
            entry = _Packet(pts, is_key, data, *self._origin)
            self._origin = ()
            self._journal.append(msgspec.msgpack.encode(entry))
        return len(packets)


def count_packets(journals: Iterable[Path]) -> int:
    """Returns the number of frames in journals written by `PacketWriter`."""
    return sum(1 for journal in journals for _ in read_journal(journal))


def encoder_of(journals: Iterable[Path]) -> Encoder | None:
    """Returns the encoder of a video, also required for its later journals; None if no packets."""
    begin = next(_stored(journals), None)
    return None if begin is None else begin.encoder


def write_mp4(
    path: Path,
    journals: Sequence[Path],
    frames: int,
    settings: VideoSettings,
    last_duration: int,
    creation_time: str = "",
) -> int:
    """Muxes the packets of journals, in order, into the part file of the MP4 ``path``.

    Times in the file are exact: there are no B-frames, so players do not need an edit list. The
    index is at the front, in space reserved for it, so that a browser can play the video at once.
    FFmpeg's ``faststart``, which moves all pictures back at the end, would take twice as long, and
    PyAV would let no other thread run meanwhile.

    Args:
        path: Final name of the video.
        journals: Journals written by `PacketWriter`, all with the same settings.
        frames: Number of frames in them.
        settings: Settings of the journals, except for the encoder.
        last_duration: How long the last frame is shown, in units of the time base.
        creation_time: When the first frame was captured, ISO 8601, or "".

    Returns:
        Number of frames in the video: all, or those before the first one that an MP4 cannot hold.

    Raises:
        OutputError: The file cannot be written, or the journals are gone.
    """
    first = next(_stored(journals), None)
    if first is None:
        raise OutputError(f"cannot write {path}: somebody has removed its .part files")
    with errors_of(path):
        room = min(_INDEX_BYTES + frames * _INDEX_FRAME_BYTES, _MAX_INDEX_BYTES)
        container = av.open(
            str(part_path(path)), "w", format="mp4", options={"moov_size": str(room)}
        )
        written = 0
        try:
            if creation_time:
                container.metadata["creation_time"] = creation_time
            stream = settings.add_to(container, first.parameters)
            for packet in _packets(journals, stream, settings.time_base, last_duration):
                try:
                    container.mux(packet)
                except (ArgumentError, InvalidDataError):  # the packet's fault, not the disk's
                    if not written:
                        raise
                    break
                written += 1
        except BaseException:
            with contextlib.suppress(OSError, FFmpegError):
                container.close()
            raise
        container.close()
        sync(part_path(path))
    return written


def frames_in(path: Path) -> int:
    """Returns the number of frames of a finished video; 0 if it is gone or cannot be read."""
    with contextlib.suppress(OSError, FFmpegError), av.open(str(path)) as container:
        return container.streams.video[0].frames
    return 0


def _packets(
    journals: Iterable[Path], stream: VideoStream, time_base: Fraction, last_duration: int
) -> Iterator[av.Packet]:
    held: av.Packet | None = None
    for stored in _stored(journals):
        packet = av.Packet(stored.data)
        packet.stream = stream
        packet.time_base = time_base  # the stream's own changes when the first packet is muxed
        packet.pts = packet.dts = stored.pts
        packet.is_keyframe = stored.key
        # A packet's duration is known from the next packet; only the last one's is estimated.
        if held is not None:
            held.duration = stored.pts - (held.pts or 0)
            yield held
        held = packet
    if held is not None:
        held.duration = last_duration
        yield held


def _stored(journals: Iterable[Path]) -> Iterator[_Packet]:
    decoder = msgspec.msgpack.Decoder(_Packet)
    for journal in journals:
        for entry, _ in read_journal(journal):
            yield decoder.decode(entry)


@contextlib.contextmanager
def errors_of(path: Path) -> Iterator[None]:
    """Turns errors while writing ``path``, including FFmpeg's, into `OutputError`."""
    try:
        with writing(path):
            yield
    except FFmpegError as error:
        raise OutputError(f"cannot write {path}: {error.strerror}") from error
