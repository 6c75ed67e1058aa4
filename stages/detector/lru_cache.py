"""Values that are made for a key and kept, so that memory does not grow with the keys."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class LruCache(Generic[Key, Value]):
    """The values of the keys that were used last.

    Args:
        kept: How many, at most.
    """

    def __init__(self, kept: int) -> None:
        if kept < 1:
            raise ValueError(f"kept must be at least 1, got {kept}")
        self._kept = kept
        self._values: OrderedDict[Key, Value] = OrderedDict()  # the key used last comes last

    def get(self, key: Key) -> Value | None:
        """The value of a key; None where none is kept, or no longer."""
        if key not in self._values:
            return None
        self._values.move_to_end(key)
        return self._values[key]

    def keep(self, key: Key, value: Value) -> Value:
        """Keeps the value, in place of that of the key not used for longest, and returns it."""
        self._values[key] = value
        self._values.move_to_end(key)
        if len(self._values) > self._kept:
            self._values.popitem(last=False)
        return value

    def __len__(self) -> int:
        return len(self._values)
