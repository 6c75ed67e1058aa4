from __future__ import annotations

import msgspec

from stages.records import Dropped, DropReason
from stages.sink.ledger import FrameLedger
from tests.stages.sink.conftest import make_header


def saved_and_loaded(ledger: FrameLedger) -> FrameLedger:
    return msgspec.msgpack.decode(msgspec.msgpack.encode(ledger), type=FrameLedger)


def test_written_and_dropped_frames_account_for_all() -> None:
    ledger = FrameLedger()
    assert ledger.record(make_header(0))
    ledger.drop(Dropped("cam", 0, 1, 3, DropReason.BEHIND))
    ledger.drop(Dropped("cam", 0, 4, 4, DropReason.BROKEN))
    assert ledger.record(make_header(5))
    assert ledger.dropped == {DropReason.BEHIND: 3, DropReason.BROKEN: 1}
    assert (ledger.written, ledger.dropped_total, ledger.missing(6)) == (2, 4, 0)
    assert ledger.missing(5) == 0
    ledger.note_gap(6)
    assert ledger.gaps == []


def test_repeated_frames_and_drops_count_once() -> None:
    ledger = FrameLedger()
    for index in (0, 1, 2):
        assert ledger.record(make_header(index))
    assert not ledger.record(make_header(1))
    assert not ledger.record(make_header(2))
    ledger.drop(Dropped("cam", 0, 3, 4, DropReason.BEHIND))
    ledger.drop(Dropped("cam", 0, 3, 4, DropReason.BEHIND))
    ledger.drop(Dropped("cam", 0, 4, 6, DropReason.BEHIND))
    assert (ledger.written, ledger.dropped_total) == (3, 4)


def test_missing_frames_are_listed_as_at_most_20_gaps() -> None:
    ledger = FrameLedger()
    for index in (2, 3, 7):
        ledger.record(make_header(index))
    ledger.note_gap(10)
    assert ledger.gaps == [(0, 1), (4, 6), (8, 9)]
    assert ledger.missing(10) == 7
    for index in range(9, 99, 2):
        ledger.record(make_header(index))
    assert len(ledger.gaps) == 20


def test_missing_frames_before_a_drop_do_not_count_as_dropped() -> None:
    ledger = FrameLedger()
    ledger.record(make_header(0))
    ledger.drop(Dropped("cam", 0, 3, 4, DropReason.BEHIND))
    assert (ledger.dropped_total, ledger.missing(5), ledger.gaps) == (2, 2, [(1, 2)])


def test_gaps_between_epochs_and_at_the_end_of_a_later_one_are_listed() -> None:
    ledger = FrameLedger()
    assert ledger.record(make_header(0))
    assert ledger.record(make_header(3, epoch=1))
    ledger.drop(Dropped("cam", 2, 6, 7, DropReason.BEHIND))
    ledger.note_gap(10)
    assert ledger.gaps == [(1, 2), (4, 5), (8, 9)]
    assert (ledger.written, ledger.dropped_total, ledger.missing(10)) == (2, 2, 6)


def test_tracks_count_once() -> None:
    ledger = FrameLedger()
    for identity in (1, 200_000, 7, 8, 1, 7, 200_000):
        ledger.see_track(identity)
    assert ledger.tracks == 4


def test_many_tracks_count_once_in_bounded_memory() -> None:
    ledger = FrameLedger()
    parked = 5
    for newest in range(10, 10_000_000, 100):  # a tracker spends most ids on noise
        for identity in (parked, newest, newest - 1000, newest):
            ledger.see_track(max(1, identity))
    assert ledger.tracks == 1 + 1 + 100_000  # the first frames have id 1
    assert len(ledger.seen_ids) <= 2**16
    successor = saved_and_loaded(ledger)
    for identity in (parked, 9_999_910, 10_000_010):
        successor.see_track(identity)
    assert successor.tracks == ledger.tracks + 1


def test_a_successor_knows_the_sizes_of_earlier_frames() -> None:
    ledger = FrameLedger()
    for index, width in enumerate((128, 96, 96)):
        ledger.record(make_header(index, width=width, height=64))
    successor = saved_and_loaded(ledger)
    for index, width in ((3, 128), (4, 160)):
        successor.record(make_header(index, width=width, height=64))
    assert successor.sizes == [(128, 64), (96, 64), (160, 64)]


def test_saved_ledger_can_be_continued() -> None:
    first = FrameLedger()
    for index in (0, 3):
        first.record(make_header(index))
    first.drop(Dropped("cam", 0, 4, 5, DropReason.BEHIND))
    first.record(make_header(6))
    first.see_track(12)
    second = saved_and_loaded(first)
    assert second == first
    assert [type(reason) for reason in second.dropped] == [DropReason]
    assert not second.record(make_header(6))
    for identity in (12, 500):
        second.see_track(identity)
    assert (first.tracks, second.tracks) == (1, 2)
