"""Checks of trackers' settings, with one message for all of them."""

from __future__ import annotations

import math


def checked_count(name: str, value: object, minimum: int) -> int:
    """``value`` as an int of at least ``minimum``.

    Raises:
        ValueError: It is anything else, True and False included.
    """
    if isinstance(value, int) and not isinstance(value, bool) and value >= minimum:
        return value
    raise ValueError(f"{name} must be a whole number of at least {minimum}, got {value!r}")


def checked_share(name: str, value: object) -> float:
    """``value`` as a float in (0, 1].

    Raises:
        ValueError: It is anything else.
    """
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 < value <= 1:
        return float(value)
    raise ValueError(f"{name} must lie in (0, 1], got {value!r}")


def checked_number(name: str, value: object) -> float:
    """``value`` as a finite float.

    Raises:
        ValueError: It is anything else.
    """
    if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
        return float(value)
    raise ValueError(f"{name} must be a finite number, got {value!r}")
