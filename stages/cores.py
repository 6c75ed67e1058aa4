"""How many of the processor's cores this process may use."""

from __future__ import annotations

import contextlib
import math
import os
from collections.abc import Iterator
from pathlib import Path

_GROUPS = Path("/proc/self/cgroup")
_CONTROL = Path("/sys/fs/cgroup")


def usable_cores() -> int:
    """Returns how many cores this process may use, which in a container is often not all.

    A limit on processor time, such as ``docker run --cpus`` or systemd's ``CPUQuota``, is converted
    to a number of cores, rounded up.
    """
    return max(1, math.ceil(min((allowed_cores(), *_time_limits()))))


def allowed_cores() -> int:
    """Returns how many cores this process may run on, regardless of limits on processor time."""
    return len(os.sched_getaffinity(0))


def _time_limits() -> Iterator[float]:
    """Yields the limit of each control group of this process, in cores."""
    try:
        groups = _GROUPS.read_text().splitlines()
    except OSError:
        return
    for group in groups:
        _, controllers, path = group.split(":", 2)
        if controllers and "cpu" not in controllers.split(","):
            continue
        root = _CONTROL / controllers  # empty in version 2 of control groups
        folder = root / path.lstrip("/")
        # A container may see its own group as the root, whatever path is stated.
        for each in (folder, *folder.parents):
            with contextlib.suppress(OSError, ValueError, ZeroDivisionError):
                yield _limit(each)
            if each == root:
                break


def _limit(group: Path) -> float:
    if (group / "cpu.max").exists():
        quota, period = (group / "cpu.max").read_text().split()
        return math.inf if quota == "max" else int(quota) / int(period)
    limit = int((group / "cpu.cfs_quota_us").read_text())
    return math.inf if limit < 0 else limit / int((group / "cpu.cfs_period_us").read_text())
