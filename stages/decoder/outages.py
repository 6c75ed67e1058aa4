"""Decides when to reconnect to a lost camera, and what to report about it."""

from __future__ import annotations

import math
import random
from collections.abc import Callable

from stages.decoder.live_options import LiveOptions
from stages.decoder.source import SourceRuntime
from stages.wording import counted

_STEADY_SECONDS = 10.0
_SILENT_SECONDS = 60.0
_HOUR = 3600.0


class Outages:
    """Paces the attempts to connect, and reports outages, with about one line a minute at most.

    The pauses between attempts double up to a limit; they start over after a connection that
    delivered frames for ten seconds. While an outage lasts, each new reason is reported, and every
    hour its length. The end of a reported outage is reported as well.

    Args:
        shown: Location of the source, without credentials.
        options: How long to wait.
        runtime: Takes the reports, one line each, and provides the clock.
        jitter: Returns a number in [0, 1); spreads the attempts of many streams.
    """

    def __init__(
        self,
        shown: str,
        options: LiveOptions,
        runtime: SourceRuntime,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._shown = shown
        self._options = options
        self._runtime = runtime
        self._jitter = jitter
        self._frames_since: float | None = None
        self._count = 0
        self._attempts = 0  # in this outage
        self._doublings = 0
        self._reported_at = -math.inf
        self._reported = ""  # reason last reported of this outage, "" if none was
        self._since = 0.0  # when this outage began
        self._hours = 0  # reported of this outage

    def failed(self, reason: str) -> float:
        """Records that a connection broke off or failed; returns the seconds to wait."""
        now = self._runtime.monotonic()
        if self._attempts == 0:
            self._count += 1
            self._since = now
            if self._frames_since is not None and now - self._frames_since >= _STEADY_SECONDS:
                self._doublings = 0
        self._frames_since = None
        hours = int((now - self._since) / _HOUR)
        is_new = reason != self._reported and now - self._reported_at >= _SILENT_SECONDS
        if is_new or hours > self._hours:
            lasts = f"away for {counted(hours, 'hour')}, " if hours > self._hours else ""
            count = f" (outage {self._count})" if self._count > 1 else ""
            about = "" if self._shown in reason else f"{self._shown}: "
            self._runtime.lost(f"{about}{reason}; {lasts}connecting again{count}")
            self._reported_at, self._reported, self._hours = now, reason, hours
        longest = min(
            self._options.longest_wait, self._options.first_wait * 2.0 ** min(self._doublings, 16)
        )
        self._attempts += 1
        self._doublings += 1
        return longest * (0.5 + 0.5 * self._jitter())

    def frame_came(self) -> bool:
        """Records that the connection delivered a frame; returns whether it is its first."""
        if self._frames_since is not None:
            return False
        self._frames_since = self._runtime.monotonic()
        if self._reported:
            times = "an attempt" if self._attempts == 1 else f"{self._attempts} attempts"
            self._runtime.back(f"{self._shown} is back after {times}")
            self._reported = ""
        self._attempts = 0
        return True
