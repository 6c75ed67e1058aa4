"""Keeps account of each frame: written, dropped, or missing without a record."""

from __future__ import annotations

from dataclasses import dataclass, field

from stages.records import Dropped, DropReason, FrameHeader

_REMEMBERED_GAPS = 20
_REMEMBERED_IDS = 2**18


@dataclass(slots=True)
class FrameLedger:
    """Accounts for the frames of one stream, in bounded memory.

    Frames and `Dropped` records arrive in order of their sequence numbers, which continue through
    all epochs. After a crash, an earlier stage may send some of them again: a record at or before
    the latest position is a repeat.

    Attributes:
        written: Number of frames recorded.
        not_found: How many of them were not found on the picture of a moving camera.
        dropped: Number of dropped frames by reason.
        gaps: The first unreported gaps, as first and last sequence number.
        sizes: Different widths and heights of the frames recorded, the earliest first.
        tracks: Number of different tracks seen.
        position: Sequence number of the latest frame, written or dropped, -1 before the first.
        first_id: The track id of the first bit of ``seen_ids``.
        seen_ids: One bit per id: whether the track was seen.
    """

    written: int = 0
    not_found: int = 0
    dropped: dict[DropReason, int] = field(default_factory=dict)
    gaps: list[tuple[int, int]] = field(default_factory=list)
    sizes: list[tuple[int, int]] = field(default_factory=list)
    tracks: int = 0
    position: int = -1
    first_id: int = 0
    seen_ids: bytearray = field(default_factory=bytearray)

    def has(self, frame: FrameHeader) -> bool:
        """Returns whether a frame was already recorded as written or dropped."""
        return frame.sequence <= self.position

    def record(self, frame: FrameHeader) -> bool:
        """Records a frame; returns False if it was already recorded."""
        if not self._advance(frame.sequence, frame.sequence):
            return False
        self.written += 1
        self.not_found += frame.view == ()
        if (size := (frame.width, frame.height)) not in self.sizes:
            self.sizes.append(size)
        return True

    def drop(self, dropped: Dropped) -> None:
        """Records dropped frames."""
        first = max(dropped.first, self.position + 1)
        if not self._advance(first, dropped.last):
            return
        count = dropped.last - first + 1
        self.dropped[dropped.reason] = self.dropped.get(dropped.reason, 0) + count

    def see_track(self, identity: int) -> None:
        """Counts a track once, using one bit per id for the latest ids only.

        A tracker may assign ids to noise, millions a day. Tracks older than the latest 262,144 ids
        are assumed to be counted.
        """
        byte, bit = divmod(identity - self.first_id, 8)
        if byte < 0:
            return
        if byte >= len(self.seen_ids):
            self.seen_ids.extend(bytes(byte - len(self.seen_ids) + 1))
        if not self.seen_ids[byte] >> bit & 1:
            self.seen_ids[byte] |= 1 << bit
            self.tracks += 1
        forgotten = len(self.seen_ids) - _REMEMBERED_IDS // 8
        if forgotten > _REMEMBERED_IDS // 8:  # seldom, since it moves the others
            del self.seen_ids[:forgotten]
            self.first_id += 8 * forgotten

    @property
    def dropped_total(self) -> int:
        """Number of dropped frames, for any reason."""
        return sum(self.dropped.values())

    def missing(self, frames: int) -> int:
        """Returns how many of ``frames`` that the decoder emitted were neither seen nor dropped."""
        return max(0, frames - self.written - self.dropped_total)

    def note_gap(self, following: int) -> None:
        """Records that the frames before number ``following`` are missing, if there are any."""
        if self.position + 1 < following and len(self.gaps) < _REMEMBERED_GAPS:
            self.gaps.append((self.position + 1, following - 1))

    def _advance(self, first: int, last: int) -> bool:
        if last <= self.position:
            return False
        self.note_gap(first)
        self.position = last
        return True
