"""Locks on files and folders, released when the process that holds them ends."""

from __future__ import annotations

import fcntl


def lock(descriptor: int, *, wait: bool = False) -> None:
    """Locks an open file or folder until it is closed, or the process dies.

    Does nothing where such locks are not supported, as for folders on NFS.

    Args:
        descriptor: Descriptor of the file or folder.
        wait: Wait while another process holds the lock.

    Raises:
        BlockingIOError: Another process holds the lock, and ``wait`` is False.
    """
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise
    except OSError:  # not supported
        pass
