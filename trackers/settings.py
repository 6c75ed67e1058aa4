"""Checks tracker settings, with the same messages for all trackers.

NumPy scalars, as in ``for max_age in np.arange(1, 31)``, are treated as Python's numbers and bools.
"""

from __future__ import annotations

import numpy as np

MAX_SETTING = 10**9
MIN_NOISE = 1e-9  # the squares of much smaller values are 0


def setting_text(value: object) -> str:
    """Returns a setting's value for people; ``none`` for a threshold that every score reaches."""
    return "none" if value == -MAX_SETTING else str(value)


def checked_count(name: str, value: object, minimum: int, maximum: int = MAX_SETTING) -> int:
    """Returns ``value`` as an int of at least ``minimum`` and at most ``maximum``.

    Raises:
        ValueError: The value is anything else, including True and False.
    """
    value = _plain(value)
    if isinstance(value, int) and not isinstance(value, bool) and minimum <= value <= maximum:
        return value
    if isinstance(value, int) and value > maximum:
        raise ValueError(f"{name} must be at most {maximum}")
    raise ValueError(f"{name} must be a whole number of at least {minimum}, got {value!r}")


def checked_share(name: str, value: object) -> float:
    """Returns ``value`` as a float in (0, 1].

    Raises:
        ValueError: The value is anything else.
    """
    value = _plain(value)
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 < value <= 1:
        return float(value)
    raise ValueError(f"{name} must lie in (0, 1], got {value!r}")


def checked_number(name: str, value: object, minimum: float = -MAX_SETTING) -> float:
    """Returns ``value`` as a float of at least ``minimum`` and at most ``MAX_SETTING``.

    Raises:
        ValueError: The value is anything else.
    """
    value = _plain(value)
    if (
        isinstance(value, int | float)
        and not isinstance(value, bool)
        and minimum <= value <= MAX_SETTING
    ):
        return float(value)
    raise ValueError(f"{name} must be a number from {minimum:g} to {MAX_SETTING:g}, got {value!r}")


def checked_score(name: str, value: object) -> float:
    """Returns ``value`` as a threshold that equal scores reach, in float32 and in float64.

    Raises:
        ValueError: The value is not a number, or beyond ``MAX_SETTING``.
    """
    number = checked_number(name, value)
    return min(number, float(np.float32(number)))  # 0.7 in float32 is less than 0.7


def checked_switch(name: str, value: object) -> bool:
    """Returns ``value`` as a bool.

    Raises:
        ValueError: The value is neither True nor False.
    """
    value = _plain(value)
    if isinstance(value, bool):
        return value
    raise ValueError(f"{name} must be true or false, got {value!r}")


def _plain(value: object) -> object:
    """Converts a NumPy scalar to Python's number or bool; returns anything else unchanged."""
    return value.item() if isinstance(value, np.generic) else value
