import os
import signal
import subprocess
import sys

import pytest

from pipeline.config_file import load_config
from tests.videos import frames_in
from tests.waiting import wait_for
from tools.bench.figures import RATE
from tools.bench.opencv_loop import run_opencv_loop
from tools.bench.pipeline import FOUR, ONE, OPENCV, SLOWEST, LoopPlan, bench_pipeline
from tools.harness.material import detections_setting, make_clip


def test_a_run_is_compared_with_loops_and_with_its_slowest_stage(tmp_path):
    clip = make_clip(tmp_path, 60)
    settings = [detections_setting(clip, delay_ms=10)]
    report = bench_pipeline(str(clip), load_config(None, settings), 1)
    figures = {figure.name: figure for figure in report.figures}
    assert set(figures) == {FOUR, ONE, OPENCV, SLOWEST}
    assert {figure.unit for figure in report.figures} == {RATE}
    assert 50 < figures[SLOWEST].median < 100  # the detector's 10 ms, and a little
    *_, (_, ratio) = report.ratios
    assert [asked.to for asked, _ in report.ratios] == [ONE, OPENCV, SLOWEST]
    assert 0.3 < ratio.median < 1.1


@pytest.mark.parametrize("under_way", ["*/out/clip/*", "*/clip/*"])
def test_ctrl_c_ends_the_bench_whatever_it_runs(under_way, tmp_path, tmp_path_factory):
    """The terminal sends it to every process."""
    clip = make_clip(tmp_path, 100)
    bench = tmp_path_factory.mktemp("bench")  # short, for names of sockets
    options = ["--rounds", "1", "--set", detections_setting(clip, delay_ms=20)]
    with subprocess.Popen(
        [sys.executable, "-P", "-m", "tools.main", "bench", "pipeline", "--source", clip, *options],
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env=os.environ | {"TMPDIR": str(bench)},
    ) as process:
        wait_for(lambda: list(bench.glob(under_way)))
        os.killpg(process.pid, signal.SIGINT)
        _, said = process.communicate(timeout=200)
    assert process.returncode == 130
    assert "Traceback" not in said
    assert not list(bench.iterdir())


def test_opencvs_loop_writes_tracks_and_a_video(tmp_path):
    clip = make_clip(tmp_path, 12)
    settings = [detections_setting(clip), "decoder.last_frame=10"]
    config = load_config(None, settings)
    run_opencv_loop(LoopPlan(config, "clip", str(clip), str(tmp_path / "out")))
    rows = (tmp_path / "out" / "clip" / "mot.txt").read_text().splitlines()
    assert {int(row.split(",")[0]) for row in rows} <= set(range(1, 11))
    assert len(rows) > 5
    assert frames_in(tmp_path / "out" / "clip" / "overlay.mp4") == 10
