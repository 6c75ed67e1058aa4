from __future__ import annotations

import msgspec
import pytest

from stages.sink.timing import StreamTiming

MS = 1_000_000


def test_durations_of_a_stream() -> None:
    first, whole = StreamTiming(), StreamTiming()
    for timing, captured in ((first, 0), (first, 40), (whole, 0), (whole, 40)):
        timing.add(captured * MS, {"detect": (captured + 10) * MS}, (captured + 30) * MS)
    second = msgspec.msgpack.decode(msgspec.msgpack.encode(first), type=StreamTiming)
    for timing in (second, whole):
        timing.add(80 * MS, {"decode": 2 * MS}, 200 * MS)
    assert second == whole
    assert second.seconds == 0.2
    assert second.fps == pytest.approx(15)
    assert len(second.latency) == 3
    assert second.latency.total_ns == 180 * MS
    assert {stage: work.total_ns for stage, work in second.work.items()} == {
        "detect": 60 * MS,
        "decode": 2 * MS,
    }


def test_without_frames_no_time_passes() -> None:
    timing = StreamTiming()
    assert (timing.seconds, timing.fps) == (0.0, None)
    timing.add(5, {}, 5)
    assert (timing.seconds, timing.fps) == (0.0, None)
