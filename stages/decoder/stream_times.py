"""Frame rate and time base of a video stream, with defaults if FFmpeg does not know them."""

from __future__ import annotations

from fractions import Fraction

from av.video.stream import VideoStream

from stages.frame_rate import first_likely_rate

MPEG_CLOCK = Fraction(1, 90_000)
"""Time base, in seconds, of MPEG-TS and of video over RTP."""


def frame_rate(stream: VideoStream) -> Fraction:
    """Returns the frames per second; 25 if FFmpeg knows no plausible rate."""
    return first_likely_rate(stream.average_rate, stream.guessed_rate)


def time_base(stream: VideoStream) -> Fraction:
    """Returns the unit of the stream's times, in seconds; `MPEG_CLOCK` if none is stated."""
    return stream.time_base or MPEG_CLOCK
