"""Decodes packets and detects frames that are broken or lost."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator

import av
import av.error
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from stages.decoder.container_facts import frame_rate, is_one_of, time_base
from stages.decoder.losses import LostFrames
from stages.decoder.presentation import frame_length
from stages.errors import SourceError

# AVI, for example, has decoding times only.
_PRESENTING = frozenset({"flv", "hls", "matroska", "mp4", "mpegts", "rtsp", "sdp"})


def flushed(packets: Iterable[av.Packet], stream: VideoStream) -> Iterator[av.Packet]:
    """Yields the same packets; after an error, also the empty one that flushes the decoder."""
    try:
        yield from packets
    except (SourceError, av.error.FFmpegError):
        last = av.Packet()
        last.stream = stream
        yield last
        raise


def decoded(packets: Iterable[av.Packet], stream: VideoStream) -> Iterator[VideoFrame | None]:
    """Yields every frame until the source ends or breaks off; None for a broken or lost one."""
    length = frame_length(frame_rate(stream), time_base(stream))
    losses = LostFrames(presented=is_one_of(stream.container, _PRESENTING), frame=length)
    for packet in _without_cut_off_end(packets, losses):
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


def _without_cut_off_end(packets: Iterable[av.Packet], losses: LostFrames) -> Iterator[av.Packet]:
    """Leaves out a truncated last packet, and counts its frame as lost.

    FFmpeg's error on it would cost some of the preceding frames, more with more threads.
    """
    held: av.Packet | None = None
    for packet in packets:
        if held is not None and packet.size:
            yield held
        elif held is not None:
            losses.sent(held)
            losses.failed(held)
        held = packet if packet.is_corrupt else None
        if held is None:
            yield packet
    if held is not None:  # the source broke off without a final empty packet
        yield held
