"""The outcome of a fault."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Outcome:
    """Outcome of a fault.

    Attributes:
        times: How often it was injected.
        result: Description of the result.
        passed: Whether the result is as promised; None if it could not be tried.
    """

    times: int
    result: str
    passed: bool | None


def spread(times: Sequence[float]) -> str:
    """Formats median and maximum of times in seconds."""
    if not times:
        return "never"
    return f"{statistics.median(times):.2f} s (median), {max(times):.2f} s (maximum)"
