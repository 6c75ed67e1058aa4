import pytest

from tools.chaos.sources import clock_jumps, outages
from tools.harness.rtsp import available


@pytest.mark.skipif(not available(), reason="GStreamer's RTSP server is not here")
def test_outages_are_recovered_from(tmp_path):
    outcome = outages(tmp_path, 2)
    assert outcome.result.startswith("2 recovered"), outcome


def test_a_camera_may_set_its_clock(tmp_path):
    outcome = clock_jumps(tmp_path, 50)
    assert outcome.passed, outcome
