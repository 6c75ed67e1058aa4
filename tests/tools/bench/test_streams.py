import os

import pytest

from stages.errors import SourceError, SpotStreamError
from tools.bench.figures import CPU
from tools.bench.streams import MEMORY, bench_streams, proportional_megabytes
from tools.harness.material import make_clip


def test_two_streams_are_compared_with_one(tmp_path):
    report = bench_streams(make_clip(tmp_path, 150), (1, 2), rounds=1)
    figures = {(figure.name, figure.unit): figure.median for figure in report.figures}
    assert min(figures[name, MEMORY] for name in ("1 stream", "2 streams")) > 10
    assert 0 < figures["1 stream", CPU] < 100
    [(asked, _)] = report.ratios
    assert (asked.name, asked.to, asked.unit) == ("2 streams", "1 stream", CPU)


def test_video_too_short_to_measure_is_an_error(tmp_path):
    with pytest.raises(SpotStreamError, match="too short to measure"):
        bench_streams(make_clip(tmp_path, 2), (1,), rounds=1)


def test_failing_streams_report_their_reason_once(tmp_path):
    (tmp_path / "street.mp4").write_text("no video")
    with pytest.raises(
        SpotStreamError, match=r"^cannot open \S+street\.mp4 as [^;]+;[^;]+$"
    ) as caught:
        bench_streams(tmp_path / "street.mp4", (2,), rounds=1)
    assert caught.value.exit_code == SourceError.exit_code


def test_memory_of_running_and_missing_processes():
    assert proportional_megabytes(os.getpid()) > 10
    assert proportional_megabytes(2**22 + 1) == 0.0
