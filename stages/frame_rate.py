"""Frame rates as people write them."""

from __future__ import annotations

from fractions import Fraction

LARGEST_RATE = 1000
_LARGEST_DENOMINATOR = 1_000_000  # FFmpeg's fractions have terms of 32 bits


def parse_frame_rate(text: str) -> Fraction:
    """Frames per second from ``25``, ``29.97`` or ``30000/1001``.

    29.97002997002997 is 30000/1001: denominators end at a million.

    Raises:
        ValueError: It is no number above 0 and up to `LARGEST_RATE`.
    """
    try:
        rate = Fraction(text).limit_denominator(_LARGEST_DENOMINATOR)
    except (ValueError, ZeroDivisionError):
        rate = Fraction(0)
    if not 0 < rate <= LARGEST_RATE:
        raise ValueError(
            f"must be a positive number or fraction such as 30000/1001, at most {LARGEST_RATE}"
        )
    return rate
