"""What FFmpeg knows about a container and its video: rate, time base, length, whether it ends."""

from __future__ import annotations

import re
from fractions import Fraction

import av
from av.container import Container, InputContainer
from av.video.stream import VideoStream

from stages.frame_rate import first_likely_rate

MPEG_CLOCK = Fraction(1, 90_000)
"""Time base, in seconds, of MPEG-TS and of video over RTP."""

_HOURS_MINUTES_SECONDS = re.compile(r"(\d+):(\d\d):(\d\d(?:\.\d+)?)")
_NO_TIMESTAMPS = 0x80  # FFmpeg's AVFMT_NOTIMESTAMPS


def frame_rate(stream: VideoStream) -> Fraction:
    """Returns the frames per second; 25 if FFmpeg knows no plausible rate.

    For a format without timestamps, the average is the rate at which FFmpeg reads it, always 25. A
    rate that FFmpeg guesses from few frames may be the field rate; the codec's own rate is not.
    """
    stated = stream.codec_context.framerate if stream.codec_context else None
    rates = stream.average_rate, stated, stream.guessed_rate
    return first_likely_rate(*(rates if has_times(stream.container) else reversed(rates)))


def time_base(stream: VideoStream) -> Fraction:
    """Returns the unit of the stream's times, in seconds; `MPEG_CLOCK` if none is stated."""
    return stream.time_base or MPEG_CLOCK


def has_times(container: Container) -> bool:
    """Returns whether the format has timestamps, unlike MJPEG over HTTP or raw H.264."""
    return not container.format.flags & _NO_TIMESTAMPS


def is_one_of(container: Container, formats: frozenset[str]) -> bool:
    """Returns whether the container is of one of the formats, by FFmpeg's names."""
    return not formats.isdisjoint(container.format.name.split(","))


def frame_count(container: InputContainer, stream: VideoStream) -> int | None:
    """Returns the frame count in the header of an MP4 or MOV; None if that counts no frames.

    The header of a fragmented file counts no frames, or those of the first fragment. Other formats
    count ticks (AVI), or the count is a guess.
    """
    return stream.frames or None if "mp4" in container.format.name else None


def stated_length(container: InputContainer, stream: VideoStream) -> float | None:
    """Returns the length of the video in seconds by its container, None if that is not stated.

    The container's length may be that of another stream, such as audio. Matroska tags each stream
    with its own length. RTSP has one length for all, which is taken as the video's.
    """
    if len(container.streams) == 1 or container.format.name == "rtsp":
        return None if container.duration is None else container.duration / av.time_base
    stated = _HOURS_MINUTES_SECONDS.fullmatch(stream.metadata.get("DURATION", ""))
    return float(stated[1]) * 3600 + float(stated[2]) * 60 + float(stated[3]) if stated else None


def ends_early(seconds: float, length: float) -> bool:
    """Returns whether a video whose last frame ends at ``seconds`` lacks a part of its length.

    Stated lengths are not exact.
    """
    return seconds < 0.95 * length - 0.5


def lacks_size(container: InputContainer) -> bool:
    """Returns whether no video has a known size, e.g. between key frames without parameter sets.

    FFmpeg cannot record such a video.
    """
    videos = [stream for stream in container.streams.video if stream.codec_context is not None]
    return bool(videos) and not any(stream.width for stream in videos)


def is_finished(container: InputContainer, stream: VideoStream) -> bool:
    """Returns whether this is a finished video, rather than a camera whose server may disconnect.

    A playlist or session description has a size of its own, so its duration decides. Any other
    source of known size is finished. If the size is unknown, as with chunked HTTP, Matroska has a
    duration unless it is live, and MP4 has a frame count unless it is fragmented (its duration is
    then a guess). MPEG-TS has neither.
    """
    has_duration = (container.duration or 0) > 0
    if container.format.name in ("hls", "rtsp", "sdp"):
        return has_duration
    if container.size > 0 or ("matroska" in container.format.name and has_duration):
        return True
    return frame_count(container, stream) is not None


def goes_on(container: InputContainer, stream: VideoStream, arrived: int) -> bool:
    """Returns whether a video that seemed finished comes from a camera after all.

    The header of a fragmented MP4 may count the frames of the first fragment only.

    Args:
        container: The container.
        stream: Its video stream.
        arrived: Number of frames received by its end.
    """
    counted = frame_count(container, stream)
    return container.size <= 0 and counted is not None and arrived > counted
