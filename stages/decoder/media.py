"""Frames of a video file or an FFmpeg URL, decoded by PyAV."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping
from pathlib import Path
from typing import Literal

import av
import av.error
from av.container import InputContainer
from av.stream import Disposition
from av.video.stream import VideoStream

from stages.decoder.frame_reader import FrameReader
from stages.decoder.hardware import hardware_decoder
from stages.decoder.locations import redact
from stages.decoder.source import FrameAllocator, FrameSelection, SourceRecord, SourceRuntime
from stages.errors import SourceError
from stages.records import EndOfStream, EndReason

_PICTURE_CODECS = frozenset({"bmp", "gif", "mjpeg", "png", "tiff", "webp"})


class MediaSource:
    """A video of any container and codec that FFmpeg reads, from its start to its end.

    Frames come out upright, as planar YUV 4:2:0, limited range, or as BGR where a side is odd.

    Args:
        location: A path or URL.
        name: Of the stream.
        selection: Which frames; None for all.
        layout: See `StreamStart`.
        hardware: FFmpeg's name of a device that decodes, ``"auto"``, or ``"off"``.
        paced: Frames are taken at their own pace, not as fast as can be; see `thread_type`.
        runtime: See `SourceRuntime`.
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
        runtime: SourceRuntime | None = None,
    ) -> None:
        self.location = location
        self.name = name
        self.selection = selection or FrameSelection()
        self.layout = layout
        self.hardware = hardware
        self.paced = paced
        self.runtime = runtime or SourceRuntime()

    def records(self, allocator: FrameAllocator) -> Generator[SourceRecord, None, None]:
        """See `Source.records`."""
        shown = redact(self.location)
        reader = FrameReader(shown, self.name, self.selection, self.layout, self.runtime.clock)
        with open_media(self.location, hardware=self.hardware) as container:
            stream = video_stream(container, shown)
            for line in remarks(container, stream, shown, self.hardware):
                self.runtime.notify(line)
            stream.thread_type = thread_type(self.paced)
            yield from reader.read(container, stream, allocator)
            if reader.epoch < 0:
                if reader.seen == 0:
                    raise SourceError(f"{shown} gave no frame that can be decoded")
                raise SourceError(
                    f"none of the {reader.seen} frames of {shown} is in the chosen range "
                    f"and can be decoded"
                )
            missing = None if reader.finished else reader.missing(container, stream)
        gaps = reader.gaps.in_words()
        faults = [f"{shown} breaks off after {missing}"] if missing else []
        faults += [f"{shown} has {gaps}"] if gaps else []
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
    # Of a relative path FFmpeg takes what precedes a colon for a protocol.
    url = location if "://" in location else str(Path(location).absolute())
    try:
        return av.open(
            url,
            format=container_format,
            options=dict(options or {}),
            timeout=timeout,
            hwaccel=device,
        )
    except (av.error.FFmpegError, OSError, ValueError) as error:
        shown = redact(location)
        if "://" not in location and not Path(location).exists():
            raise SourceError(f"no such file: {shown}") from error
        if isinstance(error, av.error.ProtocolNotFoundError):
            scheme = location.partition("://")[0]
            raise SourceError(
                f"cannot open {shown}: the FFmpeg inside PyAV was built without {scheme}://"
            ) from error
        reason = getattr(error, "strerror", None) or redact(str(error))
        raise SourceError(f"cannot open {shown} as a video: {reason}") from error


def thread_type(paced: bool) -> Literal["AUTO", "SLICE"]:
    """How FFmpeg's threads share the work: each takes frames of its own, or a part of a frame.

    The former is faster, and holds more frames (960×540 on two cores: 4 MB); a stream that takes
    its time has no use for it.
    """
    return "SLICE" if paced else "AUTO"


def remarks(
    container: InputContainer, stream: VideoStream, shown: str, hardware: str
) -> Iterator[str]:
    """For the user: which of several streams is read, and, where ``hardware`` is not off, by what.

    Args:
        container: What is read.
        stream: Its stream that is read.
        shown: What it is called.
        hardware: What was asked for, see `hardware_decoder`.
    """
    count, size = len(container.streams.video), f"{stream.width}×{stream.height}"
    if count > 1:
        yield f"{shown} has {count} video streams; the one that is read is of {size}"
    if hardware != "off":
        device = stream.codec_context.is_hwaccel
        by = "hardware" if device else "the CPU: no hardware here does it"
        yield f"{shown} is decoded by {by}"


def video_stream(container: InputContainer, shown: str) -> VideoStream:
    """The video stream to read of what ``shown`` names in messages.

    Of several it is the largest, of equals the first, and one of pictures only where there is no
    other: FFmpeg's own choice follows a flag that covers bear, too, and what it has probed, which
    differs from one connection to the next.

    Raises:
        SourceError: There is none, or FFmpeg cannot decode it.
    """
    streams = [
        stream
        for stream in container.streams.video
        if not stream.disposition & Disposition.attached_pic
    ]
    if not streams:
        raise SourceError(f"{shown} holds no video stream")
    known = [stream for stream in streams if stream.codec_context is not None]
    if not known:
        raise SourceError(
            f"{shown} has a video codec that this FFmpeg cannot decode; convert it, "
            f"to H.264 for one"
        )
    return max(known, key=_preference)


def _preference(stream: VideoStream) -> tuple[bool, int]:
    moving = stream.codec_context.name not in _PICTURE_CODECS
    return moving, stream.width * stream.height
