"""Frame rate, time base and length of a video stream, as far as FFmpeg knows them."""

from __future__ import annotations

from fractions import Fraction

from av.container import InputContainer
from av.video.stream import VideoStream

from stages.frame_rate import first_likely_rate

MPEG_CLOCK = Fraction(1, 90_000)
"""Time base, in seconds, of MPEG-TS and of video over RTP."""

_NO_TIMESTAMPS = 0x80  # FFmpeg's AVFMT_NOTIMESTAMPS


def frame_rate(stream: VideoStream) -> Fraction:
    """Returns the frames per second; 25 if FFmpeg knows no plausible rate."""
    return first_likely_rate(stream.average_rate, stream.guessed_rate)


def time_base(stream: VideoStream) -> Fraction:
    """Returns the unit of the stream's times, in seconds; `MPEG_CLOCK` if none is stated."""
    return stream.time_base or MPEG_CLOCK


def has_times(container: InputContainer) -> bool:
    """Returns whether the format states times, unlike MJPEG over HTTP or raw H.264."""
    return not container.format.flags & _NO_TIMESTAMPS


def frame_count(container: InputContainer, stream: VideoStream) -> int | None:
    """Returns the frame count in the header of an MP4 or MOV; None if that counts no frames.

    Of one in fragments, those in the header are counted, if any. Elsewhere the count is of ticks
    (AVI), or a guess.
    """
    return stream.frames or None if "mp4" in container.format.name else None
