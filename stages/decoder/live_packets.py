"""Packets of a live stream, with times added where FFmpeg provides none."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

import av
import av.error
from av.container import InputContainer
from av.stream import Discard
from av.video.stream import VideoStream

from stages.decoder.container_facts import MPEG_CLOCK, frame_rate, has_times, is_finished, time_base
from stages.decoder.network_faults import reading_fault, timeout_of
from stages.decoder.source import waited_for
from stages.errors import SourceError

_LONGEST_START = 10  # seconds between the first two frames
_AT_ONCE = 0.5  # seconds: a packet that comes this soon after a timeout came because of it
_BROKEN = "the connection broke off: "
_NO_FRAME = "the connection delivered no frame in time"


def live_packets(
    container: InputContainer,
    stream: VideoStream,
    patience: float,
    waited: AbstractContextManager[None],
    monotonic: Callable[[], float],
) -> Iterator[av.Packet]:
    """Yields the packets of one stream as they arrive, with times, until the source ends.

    If the format has no timestamps (MJPEG over HTTP, raw H.264 over TCP), they are the times of
    arrival, in a time base of `MPEG_CLOCK`; in a finished video, FFmpeg counts frames instead.

    Args:
        container: The container to read.
        stream: Its video stream; all others are discarded.
        patience: Maximum seconds without a packet of the stream while packets of others arrive.
        waited: Context entered around the wait for each packet.
        monotonic: Monotonic clock, seconds.

    Raises:
        SourceError: The connection broke off, or delivered no packet of the stream in time.
    """
    for other in container.streams:
        if other is not stream:
            other.discard = Discard.all
    packets = waited_for(_until_the_end(container, stream, patience, monotonic), waited)
    if not has_times(container) and not is_finished(container, stream):
        stream.time_base = MPEG_CLOCK
        return _by_the_clock(packets, monotonic)
    return _first_timed(packets, stream)


def _until_the_end(
    container: InputContainer,
    stream: VideoStream,
    patience: float,
    monotonic: Callable[[], float],
) -> Iterator[av.Packet]:
    latest = asked = monotonic()
    before: av.Packet | None = None
    try:
        # All streams: RTSP delivers the discarded ones, too, and they restart PyAV's timeout.
        for packet in container.demux():
            waited = monotonic() - asked
            if packet.stream.index == stream.index:
                yield packet
                if fault := _fault_before(packet, before, container, waited, patience):
                    raise SourceError(fault)
                latest, before = monotonic(), packet
            elif monotonic() - latest > patience:
                raise SourceError(_NO_FRAME)
            asked = monotonic()
    except av.error.ExitError as error:
        raise SourceError(_NO_FRAME) from error
    except av.error.FFmpegError as error:
        reason = reading_fault(error, container.name, container.options)
        raise SourceError(_BROKEN + reason) from error


def _fault_before(
    packet: av.Packet,
    before: av.Packet | None,
    container: InputContainer,
    waited: float,
    patience: float,
) -> str:
    """Returns why nothing came after a packet, if FFmpeg released it for that reason, or "".

    FFmpeg holds a packet until the next one begins or reading fails, and would then wait again.
    Only RTP, RTSP and HLS are checked, HLS against ``patience`` alone, as its segments are farther
    apart than the timeout. A long wait is not a fault if the frames are as far apart, or if it
    exceeds the timeout because the line is slow.
    """
    timeout, kind = timeout_of(container.options), container.format.name
    if kind not in ("rtp", "rtsp", "sdp", "hls") or timeout is None:
        return ""
    if before is None or before.pts is None or packet.pts is None or packet.time_base is None:
        return ""
    step = abs(packet.pts - before.pts) * packet.time_base
    if kind != "hls" and step < timeout <= waited < timeout + _AT_ONCE:
        return f"{_BROKEN}nothing arrived for {timeout:g} s"
    return _NO_FRAME if step < patience <= waited else ""


def _by_the_clock(
    packets: Iterator[av.Packet], monotonic: Callable[[], float]
) -> Iterator[av.Packet]:
    started = monotonic()
    for packet in packets:
        packet.time_base = MPEG_CLOCK
        packet.pts = packet.dts = round((monotonic() - started) / MPEG_CLOCK)
        yield packet


def _first_timed(packets: Iterator[av.Packet], stream: VideoStream) -> Iterator[av.Packet]:
    """Yields the same packets, and gives the first a time, which FFmpeg omits over RTSP."""
    first = next(packets, None)
    if first is None:
        return
    if first.pts is None and (second := next(packets, None)) is not None:
        if second.pts is not None:
            first.pts = _time_before(second.pts, stream)
        yield first
        first = second
    yield first
    yield from packets


def _time_before(pts: int, stream: VideoStream) -> int:
    """Returns the time of the frame before ``pts``: RTSP's 0 if plausible, else a frame earlier."""
    if 0 < pts * time_base(stream) < _LONGEST_START:
        return 0
    return pts - round(1 / frame_rate(stream) / time_base(stream))
