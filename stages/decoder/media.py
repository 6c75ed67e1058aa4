"""Frames of a video file or an FFmpeg URL, decoded by PyAV."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Mapping
from pathlib import Path
from typing import Literal

import av
import av.error
from av.container import InputContainer
from av.video.stream import VideoStream

from stages.decoder.frame_reader import FrameReader
from stages.decoder.hardware import hardware_decoder
from stages.decoder.locations import redact
from stages.decoder.source import FrameAllocator, FrameSelection, SourceRecord
from stages.errors import SourceError
from stages.records import EndOfStream, EndReason


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

    def records(self, allocator: FrameAllocator) -> Generator[SourceRecord, None, None]:
        """See `Source.records`."""
        place = redact(self.location)
        reader = FrameReader(place, self.name, self.selection, self.layout, self.clock)
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
