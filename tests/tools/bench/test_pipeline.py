from pipeline.config import load_config
from tools.bench.figures import RATE
from tools.bench.pipeline import FOUR, ONE, SLOWEST, bench_pipeline
from tools.chaos.material import detections_of, make_clip


def test_a_run_is_compared_with_a_loop_and_with_its_slowest_stage(tmp_path):
    clip = make_clip(tmp_path, 60)
    settings = [f"detector.detections={detections_of(clip)}", "detector.delay_ms=10"]
    report = bench_pipeline(str(clip), load_config(None, settings), 1)
    figures = {figure.name: figure for figure in report.figures}
    assert set(figures) == {FOUR, ONE, SLOWEST}
    assert {figure.unit for figure in report.figures} == {RATE}
    assert 50 < figures[SLOWEST].median < 100  # the detector's 10 ms, and a little
    [_, (asked, ratio)] = report.ratios
    assert asked.to == SLOWEST
    assert 0.3 < ratio.median < 1.1
