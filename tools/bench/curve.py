"""Accuracy against speed, for choosing weights and input scale."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from time import perf_counter

from stages.detector.network_detector import NetworkDetector
from stages.records import Frame
from tools.bench.detect import MeasuredDetector, rendered_frames
from tools.bench.detector_scores import Scores, score_detectors, score_figures
from tools.bench.figures import MILLISECONDS, BenchReport, Figure, measure
from tools.bench.plot import check_plot, save_figure
from tools.training.config import TrainingConfig
from tools.training.held_out import read_held_out

SCALES = (0.5, 0.625, 0.75, 0.875, 1.0)
_POINT_AREA = 60.0  # square points, at scale 1
_MIN_RANGE = 0.1  # minimum AP range of a panel, so that differences of 0.01 do not look large


@dataclass(frozen=True, slots=True)
class Point:
    """Weights at one input scale.

    Attributes:
        weights: Name or file of the weights.
        scale: Input scale.
        time: Milliseconds per frame of 960×544, pixels in and boxes out, in each round.
        scores: Scores by data set.
    """

    weights: str
    scale: float
    time: Figure
    scores: Scores


def bench_curve(
    weights: Sequence[Path],
    scales: Sequence[float],
    config: TrainingConfig,
    *,
    threads: int = 1,
    frames: int = 4,
    rounds: int = 5,
    progress: Callable[[str], None] = lambda what: None,
) -> list[Point]:
    """Scores and times every weights file at every scale; repeated names are measured once.

    Args:
        weights: Weights files, or names of weights that ship.
        scales: Input scales.
        config: Training config whose held-out scenes are scored.
        threads: CPU threads of PyTorch.
        frames: Number of frames per round.
        rounds: Number of rounds, each measuring all in turn.
        progress: Called with the current activity.

    Raises:
        ConfigError: Weights or a data set cannot be used, or nothing is held out.
    """
    held_out = read_held_out(config)
    chosen = {f"{file} {scale:g}": (file, scale) for file in weights for scale in scales}
    detectors: dict[str, MeasuredDetector] = {
        name: NetworkDetector(file, engine="torch", scale=scale, threads=threads)
        for name, (file, scale) in chosen.items()
    }
    rendered = rendered_frames(frames)
    runners = {name: partial(_run, each, rendered) for name, each in detectors.items()}
    times = measure("curve", runners, rounds=rounds, progress=progress).figures
    scores = score_detectors(detectors, held_out, progress, own_scale=True)
    return [
        Point(str(file), scale, time, scores[time.name])
        for (file, scale), time in zip(chosen.values(), times, strict=True)
    ]


def _run(detector: MeasuredDetector, frames: Sequence[Frame]) -> dict[str, float]:
    started = perf_counter()
    for frame in frames:
        detector.detect([frame])
    return {MILLISECONDS: (perf_counter() - started) / len(frames) * 1e3}


def curve_report(points: Sequence[Point]) -> BenchReport:
    """Returns times and scores of all points, by weights and scale."""
    scores = score_figures({point.time.name: point.scores for point in points})
    return BenchReport("curve", (*(point.time for point in points), *scores))


def plot_curve(points: Sequence[Point], path: Path) -> None:
    """Draws AP against milliseconds: one panel per data set, one line per weights file.

    Raises:
        ConfigError: See `check_plot`.
    """
    check_plot(path)
    import matplotlib.figure
    import matplotlib.ticker

    groups = list(points[0].scores)
    figure = matplotlib.figure.Figure(figsize=(5 * len(groups), 4), dpi=120, layout="constrained")
    [panels] = figure.subplots(1, len(groups), squeeze=False)
    for group, axes in zip(groups, panels, strict=True):
        for number, name in enumerate(dict.fromkeys(point.weights for point in points)):
            own = [point for point in points if point.weights == name]
            times = [point.time.median for point in own]
            for style, metric in zip(("-", "--"), own[0].scores[group], strict=True):
                values = [point.scores[group][metric] for point in own]
                label = f"{Path(name).with_suffix('')}, {metric}"
                axes.plot(times, values, style, color=f"C{number}", label=label)
                sizes = [_POINT_AREA * point.scale**2 for point in own]
                axes.scatter(times, values, sizes, color=f"C{number}")
        axes.set_title(group, fontsize=10)
        axes.set_xscale("log")
        axes.xaxis.set_major_formatter(matplotlib.ticker.ScalarFormatter())
        axes.xaxis.set_minor_formatter(matplotlib.ticker.ScalarFormatter())
        axes.set_xlabel("ms a frame of 960×544")
        low, high = axes.get_ylim()
        axes.set_ylim(min(low, high - _MIN_RANGE), high)
        axes.grid(alpha=0.3, which="both")
    panels[0].set_ylabel("AP; the larger the point, the larger the input")
    panels[-1].legend(fontsize=8)
    save_figure(figure, path)
