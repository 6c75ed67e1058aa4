"""A bounded mapping by stream, for runs without end."""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping
from typing import TypeVar

_T = TypeVar("_T")

_DEFAULT_LIMIT = 100


class Latest(MutableMapping[str, _T]):
    """Maps names to entries; keeps the hundred that were set most recently, the latest last.

    It is not a subclass of dict, some of whose methods would set entries beyond the limit.

    Args:
        streams: Number of streams the run begins with; if above a hundred, it is the limit instead.
    """

    def __init__(self, streams: int = 0) -> None:
        self._entries: dict[str, _T] = {}
        self._limit = max(_DEFAULT_LIMIT, streams)

    def __getitem__(self, name: str) -> _T:
        return self._entries[name]

    def __setitem__(self, name: str, value: _T) -> None:
        self._entries.pop(name, None)
        self._entries[name] = value
        if len(self._entries) > self._limit:
            del self._entries[next(iter(self._entries))]

    def __delitem__(self, name: str) -> None:
        del self._entries[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def __repr__(self) -> str:
        return repr(self._entries)
