"""Opens video files and URLs, chooses the stream to read, and sets how it is decoded."""

from __future__ import annotations

import errno
import re
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import BinaryIO

import av
import av.error
from av.container import InputContainer
from av.stream import Disposition
from av.video.stream import VideoStream

from stages.cores import usable_cores
from stages.decoder.hardware import decodes_on_device, hardware_decoder
from stages.decoder.network_faults import name_fault, opening_fault, proxy_in_use
from stages.errors import SourceError
from stages.urls import redact

_MAX_THREADS = 16  # the most that FFmpeg recommends
_IMAGE_CODECS = frozenset({"bmp", "gif", "mjpeg", "png", "tiff", "webp"})
_CONTROL = re.compile(rb"[^\t\n\r\x20-\x7e\x80-\xff]")  # bytes that do not occur in text
_CONCAT = b"ffconcat"  # a list of videos to be read one after the other
_PLAYLISTS = (b"#EXTM3U", _CONCAT, b"v=0")  # HLS, FFmpeg, SDP
_TEXT_BYTES = 4096  # read to recognise text
_TEXT = (
    "it is a text file; detections are for spotstream track --detections, a list of cameras for "
    "spotstream run --sources"
)
_UNSAFE = (
    "its file lines must be relative paths of ASCII letters, digits, '.', '_' and '-', in which no "
    "name begins with '.' (FFmpeg's safe mode)"
)
_MISSING = "a file that it lists is not there; names must not contain spaces"


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
        location: A path or URL.
        options: FFmpeg's options.
        container_format: FFmpeg's name of the container format; None to have it guessed.
        timeout: Maximum seconds for opening, and for each packet after it.
        hardware: Device that decodes, see `hardware_decoder`; the CPU decodes if it cannot.

    Raises:
        SourceError: The video cannot be opened; FFmpeg's error is the cause.
    """
    device = hardware_decoder(hardware)
    # In a relative path, FFmpeg would interpret the part before a colon as a protocol.
    url = location if "://" in location else str(Path(location).absolute())
    options = dict(options or {})
    if fault := name_fault(location):
        raise SourceError(f"cannot open {redact(location)} as a video: {fault}")
    started = time.monotonic()
    try:
        container = av.open(
            url,
            format=container_format,
            options=options,
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
        seconds = time.monotonic() - started
        reason = (
            _file_fault(Path(location), error)
            or opening_fault(error, location, options, seconds, timeout)
            or getattr(error, "strerror", None)
            or redact(str(error))
        )
        reason += proxy_in_use(location)
        raise SourceError(f"cannot open {shown} as a video: {reason}") from error
    if container.format.name == "tty":  # FFmpeg renders a text file as a terminal would
        container.close()
        raise SourceError(f"cannot open {redact(location)} as a video: {_TEXT}")
    return container


def _file_fault(path: Path, error: Exception) -> str:
    """Returns what is wrong with a file, "" if that is unknown or it is not a regular file."""
    try:
        if not path.is_file():  # reading from a device or a pipe might block
            return ""
        with path.open("rb") as file:
            boxes = list(_mp4_boxes(file))
            file.seek(0)
            head = file.read(_TEXT_BYTES)
    except (OSError, ValueError):  # such as a URL too long for a path
        return ""
    if not head:
        return "it is empty"
    if not _CONTROL.search(head) and not head.startswith(_PLAYLISTS):
        return _TEXT
    if head.startswith(_CONCAT) and isinstance(error, OSError) and error.errno == errno.EPERM:
        return _UNSAFE
    if head.startswith(_CONCAT) and isinstance(error, FileNotFoundError):
        return _MISSING
    if boxes[:1] == [b"ftyp"] and b"moov" not in boxes:
        return "its index (moov) is missing: it was cut off, or is still being written"
    return ""


def _mp4_boxes(file: BinaryIO) -> Iterator[bytes]:
    """Yields the types of the boxes in an MP4; for other files, meaningless values."""
    position = 0
    while len(header := file.read(16)) >= 8:
        yield header[4:8]
        size = int.from_bytes(header[:4])
        if size == 1:  # the actual size follows
            size = int.from_bytes(header[8:])
        if size < 8:
            return
        position += size
        file.seek(position)


def set_threads(stream: VideoStream, *, paced: bool) -> None:
    """Sets how FFmpeg's threads share the work: by frame, or by slice in a paced stream.

    Frame threads are faster, but each holds one more frame in memory. A device gains nothing from
    more than one thread, which passes it the packets.
    """
    if stream.codec_context.is_hwaccel:
        stream.thread_count = 1
        return
    if paced:
        stream.thread_type = "SLICE"
        return
    stream.thread_type = "AUTO"
    stream.thread_count = frame_threads()


def frame_threads() -> int:
    """Returns the number of frame threads, one per usable core and at most `_MAX_THREADS`.

    FFmpeg's own choice, one more, is slower; the figures are in ``docs/performance.md``.
    """
    return min(usable_cores(), _MAX_THREADS)


def report_choice(
    container: InputContainer, stream: VideoStream, shown: str, notify: Callable[[str], None]
) -> None:
    """Reports which of several video streams is read; ``shown`` names the container."""
    count, size = len(container.streams.video), f"{stream.width}×{stream.height}"
    if count > 1:
        notify(f"{shown} has {count} video streams; the one that is read has {size} pixels")


def report_decoder(
    stream: VideoStream, shown: str, hardware: str, notify: Callable[[str], None]
) -> None:
    """Reports what decodes a stream that has given a frame.

    Args:
        stream: The stream; FFmpeg chooses its decoder with the first frame.
        shown: Its name in messages.
        hardware: Requested device, see `hardware_decoder`; if ``"off"``, nothing is reported.
        notify: Called with the line.
    """
    if hardware != "off":
        device = decodes_on_device(stream.codec_context)
        by = "hardware" if device else "the CPU: no device here can decode it"
        notify(f"{shown} is decoded by {by}")


def video_stream(container: InputContainer, shown: str) -> VideoStream:
    """Returns the video stream to read; ``shown`` names the container in messages.

    That is the largest, or the first of equally large ones; a stream of still images is chosen only
    if there is no other. FFmpeg's own choice depends on a flag that cover images carry as well, and
    on what it has probed, which differs from one connection to the next.

    Raises:
        SourceError: There is no video stream, or FFmpeg cannot decode it.
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
    moving = stream.codec_context.name not in _IMAGE_CODECS
    return moving, stream.width * stream.height
