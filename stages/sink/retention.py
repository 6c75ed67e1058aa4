"""Limits the disk space used by the results of endless streams."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from stages.atomic import file_size, remove_file


class Retention:
    """Removes the oldest finished files beyond a size limit.

    Args:
        gigabytes: The limit; 0 for none.
        what: Description of the files, with the key of the limit, for the message.
        notify: Called with one line when the first file is removed.
    """

    def __init__(self, gigabytes: float, what: str, notify: Callable[[str], None]) -> None:
        self._limit = gigabytes * 1e9
        self._message = f"{what} have reached {gigabytes:g} GB: the oldest are removed"
        self._notify: Callable[[str], None] | None = notify

    def apply(self, finished: Sequence[Sequence[Path]]) -> int:
        """Removes the first of ``finished`` until the rest is within the limit, never the last.

        Args:
            finished: Groups of files that are removed together, oldest first. Files that have
                already been removed do not count.

        Returns:
            How many of ``finished`` were removed.

        Raises:
            OutputError: A file cannot be removed.
        """
        if not self._limit:
            return 0
        sizes = [sum(file_size(path) for path in paths) for paths in finished]
        total = sum(sizes)
        removed = 0
        while total > self._limit and removed < len(finished) - 1:
            for path in finished[removed]:
                remove_file(path)
            total -= sizes[removed]
            removed += 1
        if any(sizes[:removed]) and self._notify is not None:
            self._notify(self._message)
            self._notify = None
        return removed
