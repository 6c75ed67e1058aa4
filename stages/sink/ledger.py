"""What became of each frame: written, dropped, or missing without notice."""

from __future__ import annotations

from dataclasses import dataclass

from stages.records import Dropped, FrameHeader

_REMEMBERED_GAPS = 20
_REMEMBERED_IDS = 2**18
_REASONS = 32
_OTHER = "other"


@dataclass(frozen=True, slots=True)
class LedgerState:
    """The state of a `FrameLedger`."""

    written: int
    dropped: dict[str, int]
    gaps: list[tuple[int, int]]
    tracks: int
    position: tuple[int, int]
    first_id: int
    seen_ids: bytes


class FrameLedger:
    """Accounts for the frames of one stream, in bounded memory.

    Frames and `Dropped` records come in order of epoch and sequence number. After a crash an
    earlier stage may send some of them again: what lies at or before the latest position is a
    repeat.

    Attributes:
        written: Frames seen.
        dropped: Dropped frames by reason; beyond 32 reasons, new ones count as ``other``.
        gaps: The first unannounced gaps, as first and last sequence number.
        tracks: Number of different tracks seen.
    """

    def __init__(self) -> None:
        self.written = 0
        self.dropped: dict[str, int] = {}
        self.gaps: list[tuple[int, int]] = []
        self.tracks = 0
        self._position = (0, -1)
        self._first_id = 0  # the first one with a bit
        self._seen_ids = bytearray()

    def record(self, frame: FrameHeader) -> bool:
        """Records a frame; returns False where it was recorded before."""
        if not self._advance(frame.epoch, frame.sequence, frame.sequence):
            return False
        self.written += 1
        return True

    def drop(self, dropped: Dropped) -> None:
        """Records dropped frames."""
        before = self._position
        if not self._advance(dropped.epoch, dropped.first, dropped.last):
            return
        first = dropped.first
        if before[0] == dropped.epoch:
            first = max(first, before[1] + 1)
        count = dropped.last - first + 1
        reason = dropped.reason
        if reason not in self.dropped and len(self.dropped) >= _REASONS:
            reason = _OTHER
        self.dropped[reason] = self.dropped.get(reason, 0) + count

    def see_track(self, identity: int) -> None:
        """Counts a track once; with one bit per id, of the latest ids only.

        A tracker may take ids for noise, millions a day. Tracks older than the latest 262,144 ids
        are taken for counted.
        """
        byte, bit = divmod(identity - self._first_id, 8)
        if byte < 0:
            return
        if byte >= len(self._seen_ids):
            self._seen_ids.extend(bytes(byte - len(self._seen_ids) + 1))
        if not self._seen_ids[byte] >> bit & 1:
            self._seen_ids[byte] |= 1 << bit
            self.tracks += 1
        forgotten = len(self._seen_ids) - _REMEMBERED_IDS // 8
        if forgotten > _REMEMBERED_IDS // 8:  # seldom, since it moves the others
            del self._seen_ids[:forgotten]
            self._first_id += 8 * forgotten

    @property
    def dropped_total(self) -> int:
        """Dropped frames, whatever the reason."""
        return sum(self.dropped.values())

    def missing(self, frames: int) -> int:
        """Of ``frames`` emitted by the decoder, how many were neither seen nor dropped."""
        return max(0, frames - self.written - self.dropped_total)

    def finish(self, epoch: int, frames: int) -> None:
        """Records a gap at the end, if the stream has one epoch: its numbers count all frames."""
        if epoch == 0 and self._position[1] + 1 < frames:
            self._remember_gap(self._position[1] + 1, frames - 1)

    def state(self) -> LedgerState:
        """Everything that `restore` needs."""
        return LedgerState(
            self.written,
            dict(self.dropped),
            list(self.gaps),
            self.tracks,
            self._position,
            self._first_id,
            bytes(self._seen_ids),
        )

    def restore(self, state: LedgerState) -> None:
        """Continues from ``state``."""
        self.written = state.written
        self.dropped = dict(state.dropped)
        self.gaps = list(state.gaps)
        self.tracks = state.tracks
        self._position = state.position
        self._first_id = state.first_id
        self._seen_ids = bytearray(state.seen_ids)

    def _advance(self, epoch: int, first: int, last: int) -> bool:
        if (epoch, last) <= self._position:
            return False
        if epoch == self._position[0] and first > self._position[1] + 1:
            self._remember_gap(self._position[1] + 1, first - 1)
        self._position = (epoch, last)
        return True

    def _remember_gap(self, first: int, last: int) -> None:
        if len(self.gaps) < _REMEMBERED_GAPS:
            self.gaps.append((first, last))
