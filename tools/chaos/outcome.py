"""What comes of a fault."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a fault.

    Attributes:
        times: How often it was done.
        result: What came of it.
        passed: Whether that is as it should be; None where it could not be tried.
    """

    times: int
    result: str
    passed: bool | None


def spread(times: Sequence[float]) -> str:
    """Median and most of some seconds, in words."""
    if not times:
        return "never"
    return f"{statistics.median(times):.2f} s (median), {max(times):.2f} s (most)"
