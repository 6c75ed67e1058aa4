"""What FFmpeg knows of a container and its video: rate, time base, length, whether it ends."""

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

    The average of a format without times is the rate that FFmpeg reads it at, always 25. What it
    guesses without having seen many frames may be the rate of fields; the codec's own is not.
    """
    stated = stream.codec_context.framerate if stream.codec_context else None
    rates = stream.average_rate, stated, stream.guessed_rate
    return first_likely_rate(*(rates if has_times(stream.container) else reversed(rates)))


def time_base(stream: VideoStream) -> Fraction:
    """Returns the unit of the stream's times, in seconds; `MPEG_CLOCK` if none is stated."""
    return stream.time_base or MPEG_CLOCK


def has_times(container: Container) -> bool:
    """Returns whether the format states times, unlike MJPEG over HTTP or raw H.264."""
    return not container.format.flags & _NO_TIMESTAMPS


def is_one_of(container: InputContainer, formats: frozenset[str]) -> bool:
    """Returns whether the container is of one of the formats, by FFmpeg's names."""
    return not formats.isdisjoint(container.format.name.split(","))


def frame_count(container: InputContainer, stream: VideoStream) -> int | None:
    """Returns the frame count in the header of an MP4 or MOV; None if that counts no frames.

    Of one in fragments, those in the header are counted, if any. Elsewhere the count is of ticks
    (AVI), or a guess.
    """
    return stream.frames or None if "mp4" in container.format.name else None


def stated_length(container: InputContainer, stream: VideoStream) -> float | None:
    """Returns the seconds that the video lasts by its container, None if that does not tell.

    Another stream, such as audio, may last longer. Matroska has a tag for each that says how long.
    RTSP has one length for all, which is taken for the video's.
    """
    if len(container.streams) == 1 or container.format.name == "rtsp":
        return None if container.duration is None else container.duration / av.time_base
    stated = _HOURS_MINUTES_SECONDS.fullmatch(stream.metadata.get("DURATION", ""))
    return float(stated[1]) * 3600 + float(stated[2]) * 60 + float(stated[3]) if stated else None


def lacks_size(container: InputContainer) -> bool:
    """Returns whether the size of no video is known, as between key frames, without parameter sets.

    FFmpeg could not record it.
    """
    videos = [stream for stream in container.streams.video if stream.codec_context is not None]
    return bool(videos) and not any(stream.width for stream in videos)


def is_finished(container: InputContainer, stream: VideoStream) -> bool:
    """Returns whether this is a finished video, rather than a camera whose server may disconnect.

    The size of a playlist or a description is not that of the video. If it is unknown, as with
    chunked HTTP, Matroska has a duration unless it is live, and MP4 has a frame count unless it
    comes in fragments; its duration is then a guess. MPEG-TS has neither.
    """
    has_duration = (container.duration or 0) > 0
    if container.format.name in ("hls", "rtsp", "sdp"):
        return has_duration
    if container.size > 0 or ("matroska" in container.format.name and has_duration):
        return True
    return frame_count(container, stream) is not None


def goes_on(container: InputContainer, stream: VideoStream, arrived: int) -> bool:
    """Returns whether a video that seemed finished is that of a camera after all.

    An MP4 in fragments may count the frames of the first one in its header.

    Args:
        container: The container.
        stream: Its video stream.
        arrived: Number of frames that came until its end.
    """
    counted = frame_count(container, stream)
    return container.size <= 0 and counted is not None and arrived > counted
