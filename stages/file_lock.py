"""Locks of files and folders, which end with the process that holds them."""

from __future__ import annotations

import fcntl


def lock(descriptor: int, *, wait: bool = False) -> None:
    """Locks an open file or folder until it is closed, or the process dies.

    Where there are no such locks, as for folders on NFS, nothing is locked.

    Args:
        descriptor: The file or folder.
        wait: Wait while another process holds the lock.

    Raises:
        BlockingIOError: Another process holds the lock.
    """
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise
    except OSError:  # there are no such locks
        pass
