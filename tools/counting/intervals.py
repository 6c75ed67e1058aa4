"""Intervals of time in which vehicles are counted together."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, tzinfo
from typing import NamedTuple

_EPOCH = datetime(1970, 1, 1)


class Interval(NamedTuple):
    """An interval; intervals sort by time.

    Attributes:
        at: Its start in seconds, since the epoch or since the beginning of recorded video.
        begin: Its start in readable form: ``2026-05-04 07:15:00`` in local time, or ``0:15:00``.
        utc_offset: How far local time is then ahead of UTC, such as ``+02:00``; "" if unknown.
    """

    at: float
    begin: str
    utc_offset: str


def seconds_of(time: str) -> float:
    """Returns a time of ``times.txt`` in seconds, since the epoch or the beginning of the video.

    Raises:
        ValueError: The time is malformed.
    """
    return datetime.fromisoformat(time).timestamp() if "T" in time else float(time)


class Moment(NamedTuple):
    """A time, with the interval it is in.

    Attributes:
        interval: The interval.
        seconds: The time, see `seconds_of`.
    """

    interval: Interval
    seconds: float


class Clock:
    """Finds the interval of a time. Intervals count from local midnight or the video's beginning.

    Args:
        seconds: Length of an interval.
        zone: Time zone of local time; None for this machine's.
        start: Local time at which recorded video began; None if unknown.
    """

    def __init__(
        self, seconds: int, zone: tzinfo | None = None, start: datetime | None = None
    ) -> None:
        self._seconds = seconds
        self._zone = zone
        self._start = start
        self._latest: tuple[str, Interval] | None = None

    def interval(self, time: str) -> Interval:
        """Returns the interval of a time in the format of ``times.txt``.

        Raises:
            ValueError: The time is malformed.
        """
        second = time.partition(".")[0]
        if self._latest is None or self._latest[0] != second:  # many frames share it
            interval = self._of_camera(second) if "T" in time else self._of_video(int(second))
            self._latest = second, interval
        return self._latest[1]

    def moment(self, time: str) -> Moment:
        """Returns a time in the format of ``times.txt``, with its interval.

        Raises:
            ValueError: The time is malformed.
        """
        return Moment(self.interval(time), seconds_of(time))

    def _of_camera(self, second: str) -> Interval:
        at = datetime.fromisoformat(second).replace(tzinfo=UTC).timestamp()
        begin = self._begin(datetime.fromtimestamp(at, self._zone))
        again = begin.replace(fold=1)
        if begin.timestamp() < again.timestamp() <= at:  # clocks were set back to this time
            begin = again
        begin = datetime.fromtimestamp(begin.timestamp(), UTC).astimezone(self._zone)
        shown = begin.isoformat(" ")  # such as 2026-05-04 07:15:00+02:00
        return Interval(begin.timestamp(), shown[:19], shown[19:])

    def _of_video(self, second: int) -> Interval:
        if self._start is None:
            at = second - second % self._seconds
            return Interval(at, f"{at // 3600}:{at // 60 % 60:02}:{at % 60:02}", "")
        begin = self._begin(self._start + timedelta(seconds=second))
        return Interval((begin - _EPOCH).total_seconds(), begin.isoformat(" "), "")

    def _begin(self, moment: datetime) -> datetime:
        passed = 3600 * moment.hour + 60 * moment.minute + moment.second
        minutes, second = divmod(passed - passed % self._seconds, 60)
        hour, minute = divmod(minutes, 60)
        return moment.replace(hour=hour, minute=minute, second=second, microsecond=0)
