from types import SimpleNamespace

import pytest

from stages.result_files import OVERLAY
from tests.tools.chaos.pretended import FakeVictim, fake_run
from tools.chaos import sources
from tools.chaos.sources import clock_jumps, outages
from tools.harness.material import RATE, make_clip
from tools.harness.rtsp import available


@pytest.mark.skipif(not available(), reason="GStreamer's RTSP server is not here")
def test_outages_are_recovered_from(tmp_path):
    outcome = outages(tmp_path, 2)
    assert outcome.result.startswith("2 recovered"), outcome


def test_a_camera_clock_change_breaks_no_promise(tmp_path):
    outcome = clock_jumps(tmp_path, 50)
    assert outcome.passed, outcome


@pytest.mark.parametrize(
    ("seconds", "passed"),
    [((1.9, 0.1), True), ((0.1, 2.1), False), ((0.1, None), False), ((None, None), False)],
)
def test_late_or_missing_frames_after_an_outage_break_the_promise(
    tmp_path, monkeypatch, seconds, passed
):
    server = SimpleNamespace(port=8554, kill=lambda: None)
    monkeypatch.setattr(sources, "available", lambda: True)
    monkeypatch.setattr(sources, "Server", lambda port=0: server)
    monkeypatch.setattr(sources, "run_with", fake_run(FakeVictim(0.1, *seconds)))
    assert outages(tmp_path, 2).passed is passed


@pytest.mark.parametrize(("decoded", "passed"), [(50, True), (20, False), (110, False)])
def test_an_overlay_of_the_wrong_length_breaks_the_promise(tmp_path, monkeypatch, decoded, passed):
    overlay = make_clip(tmp_path / "overlay", 2 * RATE).read_bytes()
    run = fake_run(report={"frames": {"in": decoded}}, files={OVERLAY: overlay})
    monkeypatch.setattr(sources, "run_with", run)
    assert clock_jumps(tmp_path, decoded).passed is passed
