"""A cache of bounded size, so that memory does not grow with the number of keys."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Hashable
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class LruCache(Generic[Key, Value]):
    """Keeps the values of the most recently used keys; threads may share it.

    Args:
        kept: Maximum number of values, at least 1.
    """

    def __init__(self, kept: int) -> None:
        self._kept = kept
        self._values: OrderedDict[Key, Value] = OrderedDict()  # most recently used last
        self._lock = threading.Lock()

    def get(self, key: Key) -> Value | None:
        """Returns the value of a key; None if it is not, or is no longer, kept."""
        with self._lock:
            if key not in self._values:
                return None
            self._values.move_to_end(key)
            return self._values[key]

    def keep(self, key: Key, value: Value) -> Value:
        """Keeps and returns the value; if full, drops that of the least recently used key."""
        with self._lock:
            self._values[key] = value
            self._values.move_to_end(key)
            if len(self._values) > self._kept:
                self._values.popitem(last=False)
            return value

    def values(self) -> list[Value]:
        """Returns the kept values, the most recently used last."""
        with self._lock:
            return list(self._values.values())

    def __len__(self) -> int:
        return len(self._values)
