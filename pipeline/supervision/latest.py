"""What is remembered of streams in a run without end."""

from __future__ import annotations

from typing import TypeVar

_T = TypeVar("_T")

_MOST = 100


class Latest(dict[str, _T]):
    """Entries by name, of which the hundred that were set last are kept.

    Args:
        streams: How many streams the run begins with: so many entries are kept where that is more.
    """

    def __init__(self, streams: int = 0) -> None:
        super().__init__()
        self._most = max(_MOST, streams)

    def __setitem__(self, name: str, value: _T) -> None:
        self.pop(name, None)
        super().__setitem__(name, value)
        if len(self) > self._most:
            del self[next(iter(self))]
