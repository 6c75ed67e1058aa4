from __future__ import annotations

import pytest

from stages.records import EndOfStream, EndReason
from stages.sink.counting import Counting
from stages.sink.latency import LatencyHistogram
from stages.sink.ledger import FrameLedger
from stages.sink.options import SinkOptions
from stages.sink.report import StreamReport, percentiles_ms
from stages.sink.timing import StreamTiming


@pytest.mark.parametrize(
    ("reason", "message", "missing", "expected"),
    [
        (EndReason.COMPLETE, "", 0, ("complete", "")),
        (EndReason.COMPLETE, "", 1, ("incomplete", "1 of 9 frames is missing from the results")),
        (EndReason.COMPLETE, "", 2, ("incomplete", "2 of 9 frames are missing from the results")),
        (EndReason.COMPLETE, "a camera's word", 2, ("incomplete", "a camera's word")),
        (EndReason.TRUNCATED, "breaks off", 2, ("truncated", "breaks off")),
        (EndReason.INTERRUPTED, "", 2, ("interrupted", "")),
    ],
)
def test_outcome_of_a_stream(
    reason: EndReason, message: str, missing: int, expected: tuple[str, str]
) -> None:
    report = StreamReport(
        end=EndOfStream("cam", 0, 9, reason, message),
        epochs=0,
        ledger=FrameLedger(written=9 - missing),
        timing=StreamTiming(),
        counting=Counting(SinkOptions()),
        left_out=0,
        files=(),
        benchmark_files=(),
    )
    assert report.outcome == expected


def test_percentiles_are_rounded_to_microseconds() -> None:
    histogram = LatencyHistogram()
    assert percentiles_ms(histogram) == {"p50": None, "p95": None, "p99": None}
    histogram.add(1_234_567)
    assert percentiles_ms(histogram) == {"p50": 1.235, "p95": 1.235, "p99": 1.235}
