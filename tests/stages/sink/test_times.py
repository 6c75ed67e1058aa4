from __future__ import annotations

import pytest

from stages.sink.times import shown_utc_time, time_of, utc_time
from tests.stages.sink.conftest import make_header


@pytest.mark.parametrize("ms", [0, 1, 120, 999])
def test_utc_time_has_milliseconds_and_an_offset(ms: int) -> None:
    ns = 1_777_888_800_000_000_000 + ms * 1_000_000
    assert utc_time(ns) == f"2026-05-04T10:00:00.{ms:03d}+00:00"
    assert shown_utc_time(ns) == f"2026-05-04 10:00:00.{ms:03d} UTC"


def test_time_is_utc_for_live_frames_and_else_in_seconds() -> None:
    header = make_header(11, captured_ns=86_400 * 10**9)
    assert time_of(header, live=True) == "1970-01-02T00:00:00.000+00:00"
    assert time_of(header, live=False) == "0.440"
