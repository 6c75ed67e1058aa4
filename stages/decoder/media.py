"""Frames of a video file or an FFmpeg URL, decoded by PyAV."""

from __future__ import annotations

import heapq
import re
import time
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

import av
import av.error
import numpy as np
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from stages.decoder.source import FrameAllocator, FrameSelection, SourceRecord
from stages.errors import SourceError
from stages.records import (
    Dropped,
    EndOfStream,
    EndReason,
    Frame,
    FrameHeader,
    PixelFormat,
    StreamStart,
    UInt8Array,
)

LIVE_OPTIONS = {
    "rtsp": {"rtsp_transport": "tcp", "timeout": "5000000", "fflags": "nobuffer"},
    "rtsps": {"rtsp_transport": "tcp", "timeout": "5000000", "fflags": "nobuffer"},
    "http": {"rw_timeout": "5000000"},
    "https": {"rw_timeout": "5000000"},
    "rtmp": {"rw_timeout": "5000000"},
    "udp": {"timeout": "5000000", "fflags": "nobuffer"},
}
"""FFmpeg's own options by URL scheme; time-outs are in microseconds."""


def redact(location: str) -> str:
    """The location without user name and password."""
    return re.sub(r"(?<=://)[^/@]*@", "", location)


class MediaSource:
    """A video of any container and codec that FFmpeg reads.

    Frames come out as planar YUV 4:2:0, limited range, or as BGR where a side is odd.
    """

    def __init__(
        self,
        location: str,
        *,
        name: str,
        selection: FrameSelection | None = None,
        layout: str = "",
        clock: Callable[[], int] = time.time_ns,
    ) -> None:
        self.location = location
        self.name = name
        self.selection = selection or FrameSelection()
        self.layout = layout
        self.clock = clock

    def records(self, allocator: FrameAllocator) -> Iterator[SourceRecord]:
        """See `Source.records`."""
        scheme = self.location.split("://")[0] if "://" in self.location else ""
        try:
            container = av.open(self.location, options=LIVE_OPTIONS.get(scheme, {}))
        except (av.error.FFmpegError, OSError, ValueError) as error:
            raise SourceError(self._cannot("open", error)) from error
        with container:
            if not container.streams.video:
                raise SourceError(f"{redact(self.location)} holds no video stream")
            stream = container.streams.video[0]
            if stream.codec_context is None:
                raise SourceError(
                    f"{redact(self.location)} has a video codec that this FFmpeg cannot decode; "
                    f"convert it, to H.264 for one"
                )
            stream.thread_type = "SLICE" if scheme else "AUTO"
            yield from self._decode(container, stream, allocator)

    def _decode(
        self, container: InputContainer, stream: VideoStream, allocator: FrameAllocator
    ) -> Iterator[SourceRecord]:
        time_base = stream.time_base or Fraction(1, 90_000)
        rate = stream.average_rate or stream.guessed_rate or Fraction(25)
        total = _frame_count(container, stream)
        sequence, index, epoch = 0, -1, -1
        last_pts: int | None = None
        size = (0, 0)
        for frame in _frames(container, stream):
            index += 1
            if self.selection.ends_before(index):
                break
            if frame is not None:
                last_pts = pts = _next_pts(frame.pts, last_pts, rate, time_base)
            if not self.selection.takes(index):
                continue
            if frame is None:
                yield Dropped(self.name, max(epoch, 0), sequence, sequence, "broken frame")
                sequence += 1
                continue
            if (frame.height, frame.width) != size:
                size = (frame.height, frame.width)
                epoch += 1
                yield self._start(stream, frame, epoch, rate, time_base, total)
            pixel_format = (
                PixelFormat.BGR24 if frame.height % 2 or frame.width % 2 else PixelFormat.YUV420P
            )
            pixels = allocator.allocate(pixel_format.shape(*size))
            fill(pixels, frame, pixel_format)
            header = FrameHeader(
                self.name, epoch, sequence, index, pts, time_base, self.clock(), *size, pixel_format
            )
            sequence += 1
            yield Frame(header, pixels)
        if epoch < 0:
            raise SourceError(self._nothing(index + 1))
        missing = None
        if self.selection.last is None:
            missing = _missing(container, stream, total, index + 1, last_pts)
        if missing is None:
            yield EndOfStream(self.name, epoch, sequence, EndReason.COMPLETE)
        else:
            message = f"{redact(self.location)} breaks off after {missing}"
            yield EndOfStream(self.name, epoch, sequence, EndReason.TRUNCATED, message)

    def _start(
        self,
        stream: VideoStream,
        frame: VideoFrame,
        epoch: int,
        rate: Fraction,
        time_base: Fraction,
        total: int | None,
    ) -> StreamStart:
        return StreamStart(
            stream=self.name,
            epoch=epoch,
            source=redact(self.location),
            height=frame.height,
            width=frame.width,
            frame_rate=Fraction(rate),
            time_base=time_base,
            frame_count=None if total is None else self.selection.count(total),
            color_space=int(frame.colorspace),
            layout=self.layout,
        )

    def _nothing(self, seen: int) -> str:
        place = redact(self.location)
        if seen == 0:
            return f"{place} gave no frame that can be decoded"
        return f"none of the {seen} frames of {place} is in the chosen range and can be decoded"

    def _cannot(self, verb: str, error: Exception) -> str:
        place = redact(self.location)
        if "://" not in self.location and not Path(self.location).exists():
            return f"no such file: {place}"
        reason = getattr(error, "strerror", None) or redact(str(error))
        return f"cannot {verb} {place} as a video: {reason}"


def _frames(container: InputContainer, stream: VideoStream) -> Iterator[VideoFrame | None]:
    """Every frame until the source ends or breaks off; None for one that is broken."""
    broken: list[int] = []  # times of packets that gave no frame; the decoder lags behind them
    for packet in _packets(container, stream):
        try:
            frames = packet.decode()
        except av.error.EOFError:
            break
        except av.error.FFmpegError:
            heapq.heappush(broken, packet.pts or 0)
            continue
        for frame in frames:
            assert isinstance(frame, VideoFrame)
            while broken and (frame.pts is None or broken[0] < frame.pts):
                heapq.heappop(broken)
                yield None
            yield None if frame.is_corrupt else frame
    yield from (None for _ in broken)


def _packets(container: InputContainer, stream: VideoStream) -> Iterator[av.Packet]:
    try:
        yield from container.demux(stream)
    except av.error.FFmpegError:
        return  # cut off


def _frame_count(container: InputContainer, stream: VideoStream) -> int | None:
    """What an MP4 or MOV says; elsewhere the number counts ticks (AVI) or is a guess."""
    return stream.frames or None if "mp4" in container.format.name else None


def _missing(
    container: InputContainer,
    stream: VideoStream,
    total: int | None,
    seen: int,
    last_pts: int | None,
) -> str | None:
    """How much of how much came, where the container promises more; None where it does not."""
    if total is not None:
        return f"{seen} of {total} frames" if seen < total else None
    # Another stream, sound for one, may rightly last longer.
    if last_pts is None or container.duration is None or len(container.streams) > 1:
        return None
    length = container.duration / av.time_base
    seconds = float((last_pts - (stream.start_time or 0)) * (stream.time_base or 0))
    return f"{seconds:.1f} of {length:.1f} s" if seconds < 0.95 * length - 0.5 else None


def fill(pixels: UInt8Array, frame: VideoFrame, pixel_format: PixelFormat) -> None:
    """Copies or converts a decoded frame into ``pixels``, planes one after another."""
    if pixel_format is PixelFormat.BGR24:
        np.copyto(pixels, frame.to_ndarray(format="bgr24"))
        return
    if frame.format.name != "yuv420p":
        frame = frame.reformat(format="yuv420p", dst_color_range="MPEG")
    flat = pixels.reshape(-1)
    start = 0
    for plane in frame.planes:
        size = plane.height * plane.width
        rows = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)
        np.copyto(
            flat[start : start + size].reshape(plane.height, plane.width),
            rows[: plane.height, : plane.width],
        )
        start += size


def _next_pts(pts: int | None, previous: int | None, rate: Fraction, time_base: Fraction) -> int:
    """The frame's pts, derived where it is missing, strictly above the previous one's."""
    if previous is None:
        return pts or 0
    if pts is None:
        return previous + max(1, round(1 / rate / time_base))
    return max(pts, previous + 1)
