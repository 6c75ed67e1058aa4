from __future__ import annotations

import msgspec
import pytest

from stages.sink.timing import StreamTiming, Written

MS = 1_000_000


def test_resumed_timing_equals_an_uninterrupted_one() -> None:
    first, uninterrupted = StreamTiming(), StreamTiming()
    for timing, captured in ((first, 0), (first, 40), (uninterrupted, 0), (uninterrupted, 40)):
        written = Written((captured + 5030) * MS, 30 * MS)
        timing.add(captured * MS, {"detect": (captured + 10) * MS}, written)
    second = msgspec.msgpack.decode(msgspec.msgpack.encode(first), type=StreamTiming)
    for timing in (second, uninterrupted):
        timing.add(80 * MS, {"decode": 2 * MS}, Written(5200 * MS, 120 * MS))
    assert second == uninterrupted
    assert second.seconds == 0.2
    assert second.first_ns == 0
    assert second.fps == pytest.approx(15)
    assert len(second.latency) == 3
    assert second.latency.total_ns == 180 * MS
    assert {stage: work.total_ns for stage, work in second.work.items()} == {
        "detect": 60 * MS,
        "decode": 2 * MS,
    }


def test_seconds_are_zero_and_fps_is_none_if_no_time_passed() -> None:
    timing = StreamTiming()
    assert (timing.seconds, timing.fps) == (0.0, None)
    timing.add(5, {}, Written(9, 0))
    assert (timing.seconds, timing.fps) == (0.0, None)
