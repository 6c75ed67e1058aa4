"""Capture times of the frames of a live stream."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from fractions import Fraction

import av

_SILENCE = 0.5  # seconds of waiting beyond the step between the packets' times
_REORDERED = 16  # packets whose frames a decoder may hold back


class CaptureTimes:
    """Dates the frames of a connection by their arrival, unless a silence held them back.

    FFmpeg considers a frame complete only when the next one begins, and decoders hold back frames
    to reorder them. When a source falls silent, its last frames therefore arrive with the first
    ones after the silence, or when the connection is given up. Such a frame is dated by the
    previous frame's capture time plus the difference between their presentation times.

    Args:
        time_base: Unit of the times, in seconds.
        unfinished: Number of packets that FFmpeg holds back: one in the parser, and one in the
            MPEG-TS demuxer.
    """

    def __init__(self, time_base: Fraction, unfinished: int = 2) -> None:
        self._time_base = time_base
        self._unfinished = unfinished
        self._recent: deque[int] = deque(maxlen=_REORDERED)  # times of packets
        self._withheld: set[int] = set()  # times of packets sent before the latest silence
        self._last: tuple[int, int] | None = None

    def watched(
        self, packets: Iterable[av.Packet], monotonic: Callable[[], float]
    ) -> Iterator[av.Packet]:
        """Yields the same packets and detects silences; ``monotonic`` returns seconds."""
        unfinished = 0
        asked = monotonic()
        for packet in packets:
            waited = monotonic() - asked
            if self._recent and waited - self._step(packet.pts) > _SILENCE:
                self._withheld = set(self._recent)
                unfinished = self._unfinished
            if packet.pts is not None:
                self._recent.append(packet.pts)
                if unfinished:
                    self._withheld.add(packet.pts)
                    unfinished -= 1
            yield packet
            asked = monotonic()

    def date(self, source_pts: int | None, pts: int, now_ns: int) -> int:
        """Returns when a frame was captured, ns since the epoch.

        Args:
            source_pts: Its presentation time as stated by the source, in its packet.
            pts: Its presentation time in the stream, later than the previous frame's.
            now_ns: Wall clock, ns since the epoch.
        """
        captured_ns = now_ns
        if self._last is not None and source_pts in self._withheld:
            last_ns, last_pts = self._last
            captured_ns = min(now_ns, last_ns + round((pts - last_pts) * self._time_base * 10**9))
        self._last = captured_ns, pts
        return captured_ns

    def _step(self, pts: int | None) -> float:
        """Returns the seconds between the latest packet and one at ``pts``, 0 if that is None."""
        return 0.0 if pts is None else float(abs(pts - self._recent[-1]) * self._time_base)
