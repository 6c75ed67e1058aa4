"""A few things that are made for a key and kept, so that memory does not grow with the keys."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class Latest(Generic[Key, Value]):
    """The values of the keys that were used last.

    Args:
        kept: How many, at most.
    """

    def __init__(self, kept: int) -> None:
        if kept < 1:
            raise ValueError(f"kept must be at least 1, got {kept}")
        self._kept = kept
        self._values: dict[Key, Value] = {}  # the key used last comes last

    def get(self, key: Key) -> Value | None:
        """The value of a key; None where none is kept, or no longer."""
        value = self._values.pop(key, None)
        if value is not None:
            self._values[key] = value
        return value

    def keep(self, key: Key, value: Value) -> Value:
        """Keeps the value, in place of that of the key not used for longest, and returns it."""
        self._values.pop(key, None)
        while len(self._values) >= self._kept:
            del self._values[next(iter(self._values))]
        self._values[key] = value
        return value

    def __len__(self) -> int:
        return len(self._values)

    def __contains__(self, key: Key) -> bool:
        return key in self._values
