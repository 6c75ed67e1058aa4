import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.config_file import load_config
from stages.decoder.locations import SourceSpec
from stages.errors import ConfigError, SourceError, SpotStreamError
from stages.result_files import TRACKS
from tests.videos import frames_in
from tests.waiting import wait_for
from tools.bench.figures import RATE
from tools.bench.opencv_loop import run_opencv_loop
from tools.bench.pipeline import (
    FOUR,
    ONE,
    OPENCV,
    SLOWEST,
    LoopPlan,
    _one_process,
    bench_pipeline,
    lacking_in_opencv_loop,
    run_loop,
)
from tools.chaos.supervisor import _runs
from tools.harness.material import detections_setting, make_clip
from tools.harness.runner import run_with


def test_run_is_compared_with_loops_and_its_slowest_stage(tmp_path):
    clip = make_clip(tmp_path, 60)
    settings = [detections_setting(clip, delay_ms=10)]
    report = bench_pipeline(str(clip), load_config(None, settings), 1)
    figures = {figure.name: figure for figure in report.figures}
    assert set(figures) == {FOUR, ONE, OPENCV, SLOWEST}
    assert {figure.unit for figure in report.figures} == {RATE}
    assert 50 < figures[SLOWEST].median < 100  # the detector's 10 ms and some overhead
    *_, (_, ratio) = report.ratios
    assert [asked.to for asked, _ in report.ratios] == [ONE, OPENCV, SLOWEST]
    assert 0.3 < ratio.median < 1.1


def test_opencv_loop_is_left_out_if_it_cannot_decode_the_video(av1_video, tmp_path):
    clip = make_clip(tmp_path, 10)
    report = bench_pipeline(str(av1_video), load_config(None, [detections_setting(clip)]), 1)
    assert {figure.name for figure in report.figures} == {FOUR, ONE, SLOWEST}


def test_opencv_loop_is_left_out_if_it_would_do_less(tmp_path):
    clip = make_clip(tmp_path, 10)
    settings = [detections_setting(clip), 'detector.regions={"*": [0, 0, 64, 64]}']
    report = bench_pipeline(str(clip), load_config(None, settings), 1)
    assert {figure.name for figure in report.figures} == {FOUR, ONE, SLOWEST}


def test_the_loop_gives_the_rows_of_a_run(tmp_path):
    clip = make_clip(tmp_path, 20)
    settings = [
        detections_setting(clip),
        "decoder.camera_motion=true",
        'detector.ignored={"*": [[0, 0, 80, 60]]}',
        "tracker.name=spottrack",
    ]
    config = load_config(None, settings)
    assert lacking_in_opencv_loop(config) == ["decoder.camera_motion", "detector.ignored"]
    run_with([str(clip)], tmp_path / "run", settings)
    run_loop(LoopPlan(config, "clip", str(clip), str(tmp_path / "loop")))
    rows, expected = ((tmp_path / name / "clip" / TRACKS).read_text() for name in ("loop", "run"))
    assert rows == expected
    assert len(rows.splitlines()) > 20


def test_failing_loop_is_reported_with_its_reason(tmp_path):
    config = load_config(None, [detections_setting(make_clip(tmp_path, 2))])
    with pytest.raises(SpotStreamError) as caught:
        _one_process(OPENCV, SourceSpec("clip", str(tmp_path / "none.mp4")), config)
    assert str(caught.value) == (
        f"OpenCV's loop failed: stages.errors.SourceError: {tmp_path / 'none.mp4'}: "
        "OpenCV cannot read it"
    )


@pytest.mark.parametrize("under_way", ["*/out/clip/*", "*/clip/*"])
def test_ctrl_c_ends_the_bench_and_removes_its_files(under_way, tmp_path, tmp_path_factory):
    """A terminal sends the signal to every process."""
    clip = make_clip(tmp_path, 100)
    bench = tmp_path_factory.mktemp("bench")  # short, since socket paths are limited in length
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
        _, stderr = process.communicate(timeout=200)
    assert process.returncode == 130
    assert "Traceback" not in stderr
    assert not list(bench.iterdir())


@pytest.mark.parametrize(
    ("settings", "numbers"),
    [
        (["decoder.last_frame=10"], range(1, 11)),
        (["decoder.first_frame=4", "decoder.last_frame=10", "decoder.every=3"], [4, 7, 10]),
        (["decoder.every=40"], [1, 41, 81]),  # gaps longer than tracks survive without detections
    ],
)
def test_opencv_loop_writes_tracks_and_video_of_the_chosen_frames(settings, numbers, tmp_path):
    clip = make_clip(tmp_path, 90)
    chosen = [detections_setting(clip), *settings, "tracker.name=sort"]
    plan = LoopPlan(load_config(None, chosen), "clip", str(clip), str(tmp_path / "out"))
    run_opencv_loop(plan)
    rows = (tmp_path / "out" / "clip" / "mot.txt").read_text().splitlines()
    assert {int(row.split(",")[0]) for row in rows} <= set(numbers)
    assert 0 < len({row.split(",")[1] for row in rows}) < len(rows)  # some ids recur
    assert frames_in(tmp_path / "out" / "clip" / "overlay.mp4") == len(numbers)


def test_original_pace_is_rejected(tmp_path):
    config = load_config(None, ["decoder.pace=original"])
    with pytest.raises(ConfigError, match=r"needs decoder\.pace=fast"):
        bench_pipeline(str(make_clip(tmp_path, 2)), config, 1)


BENCH = """
import sys
from pipeline.config_file import load_config
from stages.decoder.locations import SourceSpec
from tools.bench.pipeline import _one_process
name, clip, detections = sys.argv[1:]
_one_process(name, SourceSpec("clip", clip), load_config(None, [detections]))
"""


@pytest.mark.parametrize("name", [ONE, OPENCV])
def test_loop_does_not_outlive_the_bench(name, tmp_path, monkeypatch):
    clip = make_clip(tmp_path, 100)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    detections = detections_setting(clip, delay_ms=3000)
    command = [sys.executable, "-c", BENCH, name, clip, detections]
    with subprocess.Popen(command) as bench:
        wait_for(lambda: list(tmp_path.glob("spotstream-bench-*/clip/*")))
        children = Path(f"/proc/{bench.pid}/task/{bench.pid}/children").read_text().split()
        bench.kill()
    assert len(children) == 1
    wait_for(lambda: not _runs(children[0]), 10)


def test_failing_run_reports_its_reason(tmp_path):
    (tmp_path / "a.mp4").write_text("no video")
    with pytest.raises(SpotStreamError, match=r"a\.mp4 as .*it is a text file") as caught:
        bench_pipeline(str(tmp_path / "a.mp4"), load_config(None, ["detector.weights=nano"]), 1)
    assert caught.value.exit_code == SourceError.exit_code
