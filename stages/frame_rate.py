"""Frame rates, as written by users and as guessed by FFmpeg."""

from __future__ import annotations

import math
from fractions import Fraction

_MIN_RATE = Fraction(1, 1000)  # encoders refuse much lower ones
_MAX_RATE = 1000
_MAX_DENOMINATOR = 1_000_000  # FFmpeg's fractions have 32-bit terms


def parse_frame_rate(text: str) -> Fraction:
    """Returns frames per second parsed from ``25``, ``29.97`` or ``30000/1001``.

    29.97002997002997 becomes 30000/1001: denominators are at most a million.

    Raises:
        ValueError: The text is not a number from 0.001 to 1000.
    """
    try:
        # Checked as a float first: the Fraction of 1e99999999 would take minutes.
        is_short = "/" in text or 0 < float(text) < math.inf
        rate = Fraction(text).limit_denominator(_MAX_DENOMINATOR) if is_short else Fraction(0)
    except (ValueError, ZeroDivisionError):
        rate = Fraction(0)
    if not _MIN_RATE <= rate <= _MAX_RATE:
        raise ValueError(
            f"must be a number or fraction such as 30000/1001, from {_MIN_RATE} to {_MAX_RATE}"
        )
    return rate


def first_likely_rate(*rates: Fraction | None) -> Fraction:
    """Returns the first rate that is plausible for a camera, or else 25.

    If FFmpeg has seen too little of a stream, it counts every clock tick as a frame: 1000 per
    second and more.
    """
    return next((rate for rate in rates if rate and rate < _MAX_RATE), Fraction(25))
