"""``spotstream bench all``: each bench in a short form."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from pathlib import Path

from pipeline.config import load_config
from tools.bench.decode import bench_decode
from tools.bench.figures import RATE, Comparison, Figure, Report, compare
from tools.bench.peers import PEERS
from tools.bench.pipeline import PipelineBench, bench_pipeline
from tools.bench.sink import bench_sink
from tools.bench.track import TrackerSpeed, bench_track
from tools.bench.transport import bench_transport

FRAMES = 24
MILLISECONDS = "ms/frame"
_FOUR, _ONE = "four processes", "one loop"


def bench_all(
    peers: Path | None = None,
    *,
    source: str = "demo",
    frames: int = FRAMES,
    rounds: int = 3,
    progress: Callable[[str], None] = lambda what: None,
) -> list[Report]:
    """Every bench in turn, some minutes in all.

    Args:
        peers: Folder of the environments of peers, which are measured too; None for none.
        source: What the pipeline runs on.
        frames: How many, by and large; each bench has more of what costs less.
        rounds: How often each is measured, in turn.
        progress: Called with what is measured.

    Raises:
        SpotStreamError: One of them failed.
    """
    shown = Path(source) if Path(source).is_file() else None
    return [
        bench_transport(peers, frames=2 * frames, rounds=rounds, warm_up=0, progress=progress),
        bench_decode(shown, peers, frames=2 * frames, rounds=rounds, progress=progress),
        detect_report(frames, rounds, progress),
        track_report(bench_track(None, PEERS if peers else (), peers, rounds, progress)),
        bench_sink(frames=2 * frames, rounds=rounds, progress=progress),
        pipeline_report(source, frames, rounds, progress),
    ]


def pipeline_report(
    source: str, frames: int, rounds: int, progress: Callable[[str], None]
) -> Report:
    """The four processes beside one loop, on the first frames of a source."""
    progress("pipeline")
    config = load_config(None, [f"decoder.last_frame={frames}"])

    def show(number: int, four: float, one: float) -> None:
        progress(f"pipeline: round {number + 1} of {rounds}")

    return report_of_pipeline(bench_pipeline(source, config, rounds, show))


def report_of_pipeline(result: PipelineBench) -> Report:
    """The rates of a pipeline and of a loop, and their ratio."""
    found = {(_FOUR, RATE): result.four_processes, (_ONE, RATE): result.one_loop}
    figures = tuple(Figure(name, unit, rounds) for (name, unit), rounds in found.items())
    return Report("pipeline", figures, compare(found, [Comparison(_FOUR, _ONE, aim=1.0)]))


def detect_report(frames: int, rounds: int, progress: Callable[[str], None]) -> Report:
    """The engines of the detector beside PyTorch's; of each only medians and spreads are known."""
    from tools.bench.detect import EAGER, bench_detect, make_detectors, rendered_frames

    progress("detect")
    pictures = rendered_frames(min(frames, 4))
    speeds = bench_detect(make_detectors(None), pictures, rounds, progress)
    figures = [
        Figure(speed.name, MILLISECONDS, _three(speed.milliseconds, speed.spread))
        for speed in speeds
    ]
    ratios = [
        (Comparison(EAGER, speed.name, "CPU"), Figure(EAGER, "×", (speed.to_eager,)))
        for speed in speeds
        if speed.name != EAGER
    ]
    return Report("detect", tuple(figures), tuple(ratios))


def track_report(speeds: Sequence[TrackerSpeed]) -> Report:
    """Peers beside that of our trackers which they are compared with, load by load."""
    found: dict[tuple[str, str], tuple[float, ...]] = {}
    asked = []
    for speed in speeds:
        unit = f"{MILLISECONDS}, {speed.load}"
        found[speed.name, unit] = _three(speed.milliseconds, speed.spread)
        if speed.name != speed.kind:
            asked.append(Comparison(speed.name, speed.kind, unit))
    figures = tuple(Figure(name, unit, rounds) for (name, unit), rounds in found.items())
    medians = {key: (statistics.median(rounds),) for key, rounds in found.items()}
    return Report("track", figures, compare(medians, asked))


def _three(median: float, spread: tuple[float, float]) -> tuple[float, ...]:
    """Stands for the rounds of which only these are known."""
    return spread[0], median, spread[1]
