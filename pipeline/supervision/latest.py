"""A bounded memory of streams, for runs without end."""

from __future__ import annotations

from typing import TypeVar

_T = TypeVar("_T")

_MOST = 100


class Latest(dict[str, _T]):
    """Entries by name, of which the hundred set most recently are kept.

    Args:
        streams: Number of streams the run begins with; as many entries are kept if that is more.
    """

    def __init__(self, streams: int = 0) -> None:
        super().__init__()
        self._most = max(_MOST, streams)

    def __setitem__(self, name: str, value: _T) -> None:
        self.pop(name, None)
        super().__setitem__(name, value)
        if len(self) > self._most:
            del self[next(iter(self))]
