"""``spotstream bench detect`` and ``curve``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich import box
from rich.table import Table

from stages.errors import ConfigError
from tools.bench.figures import CPU, MILLISECONDS, RATE, BenchReport, Figure
from tools.commands.bench.output import Json, Plot, Rounds, check_outputs, save
from tools.commands.options import Overrides, Weights, writable
from tools.console.terminal import activity, wide_console

if TYPE_CHECKING:
    from tools.bench.curve import Point


def bench_detectors(
    weights: Weights = None,
    model: Annotated[
        list[Path] | None, typer.Option(help="Exported model to compare as well; may be repeated.")
    ] = None,
    source: Annotated[
        str | None, typer.Option(help="Video file or image folder. Default: a rendered scene.")
    ] = None,
    frames: Annotated[int, typer.Option(min=1, help="Number of frames.")] = 10,
    rounds: Rounds = 7,
    threads: Annotated[int, typer.Option(min=1, help="Threads of each engine.")] = 1,
    device: Annotated[
        str,
        typer.Option(help="PyTorch device: cpu, cuda, cuda:1. On a GPU only PyTorch runs."),
    ] = "cpu",
    batch: Annotated[int, typer.Option(min=1, help="Frames per batch.")] = 1,
    scale: Annotated[
        float | None, typer.Option(min=0.05, max=4, help="Input scale. Default: the weights'.")
    ] = None,
    compiled: Annotated[
        bool, typer.Option("--compile", help="Measure torch.compile too; needs a C++ compiler.")
    ] = False,
    validate: Annotated[
        Path | None,
        typer.Option(
            help="Training config; also report AP on its held-out scenes, without --scale at the "
            "validation_scale of each data set, if it has one."
        ),
    ] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", help="Override a key of --validate: key.path=value."),
    ] = None,
    json_: Json = None,
    plot: Plot = None,
) -> None:
    """Compare the detector's engines, frame in and boxes out, and with a bare matrix product."""
    from stages.detector.shipped import find_weights
    from tools.bench.arithmetic import arithmetic_figures, arithmetic_of, gpu_milliseconds
    from tools.bench.detect import (
        EAGER,
        bench_detect,
        make_detectors,
        rendered_frames,
        source_frames,
    )
    from tools.bench.detector_scores import score_detectors, score_figures
    from tools.training.config import load_training_config
    from tools.training.held_out import read_held_out

    check_outputs(json_, plot)
    if set_ and validate is None:
        raise ConfigError("--set is of --validate; give that, too")
    held_out = None
    if validate is not None:
        held_out = read_held_out(load_training_config(validate, set_ or []))
    detectors = make_detectors(weights, threads, model or [], compiled=compiled, device=device)
    for detector in detectors.values():
        detector.scale = scale or detector.scale
    with activity("starting") as update:
        images = rendered_frames(frames) if source is None else source_frames(source, frames)
        report = bench_detect(detectors, images, rounds, update, batch=batch)
        update("arithmetic")
        work, peak = arithmetic_of(find_weights(weights), detectors[EAGER], images[0])
        gpu_only = gpu_milliseconds(detectors[EAGER], images[:batch])
        scores: tuple[Figure, ...] = ()
        if held_out is not None:
            own_scale = scale is not None
            scores = score_figures(
                score_detectors(detectors, held_out, update, own_scale=own_scale)
            )
    time = report.figures[0].median
    reached = work / time
    arithmetic = arithmetic_figures(work, peak, time, gpu_only)
    saved = replace(report, figures=(*report.figures, *scores, *arithmetic))
    lines = [
        f"{work:.1f} GFLOP a frame; {EAGER} reaches {reached:.3g} TFLOP/s, "
        f"{reached / peak:.0%} of the {peak:.3g} of a matrix product"
    ]
    if gpu_only is not None:
        lines.append(
            f"The GPU itself takes {gpu_only:.3g} ms a frame: {work / gpu_only:.3g} TFLOP/s, "
            f"{work / gpu_only / peak:.0%}"
        )
    try:
        save([saved], json_, plot)
    finally:
        wide_console().print(_engines_table(report, scores))
        typer.echo("\n".join(lines))


def _engines_table(report: BenchReport, scored: Sequence[Figure]) -> Table:
    """Returns a row for each engine: times, distance of its boxes from PyTorch's, scores."""
    from tools.bench.detect import APART

    found = {(figure.name, figure.unit): figure for figure in (*report.figures, *scored)}
    to_eager = {asked.to: f"{ratio.median:.2f}" for asked, ratio in report.ratios}
    compared = dict.fromkeys(f"{asked.unit}, {asked.name} / this" for asked, _ in report.ratios)
    scores = dict.fromkeys(figure.unit for figure in scored)
    table = Table("", box=box.SIMPLE, padding=(0, 1, 0, 0))
    for column in (MILLISECONDS, "spread", RATE, CPU, *compared, APART, *scores):
        table.add_column(column, justify="right")
    for name in report.descriptions:
        time = found[name, MILLISECONDS]
        low, high = time.spread
        table.add_row(
            name,
            f"{time.median:.3g}",
            f"{low:.3g}–{high:.3g}",
            f"{1000 / time.median:.3g}",
            f"{found[name, CPU].median:.3g}",
            to_eager.get(name, ""),
            f"{found[name, APART].median:.2g}",
            *(f"{found[name, score].median:.4f}" for score in scores),
        )
    return table


def bench_curve(
    validate: Annotated[
        Path,
        typer.Argument(metavar="CONFIG", help="Training config whose held-out scenes are scored."),
    ],
    weights: Annotated[
        list[Path] | None,
        typer.Option(help="Weights file or name; may be repeated. Default: all that ship."),
    ] = None,
    scale: Annotated[
        list[float] | None,
        typer.Option(min=0.05, max=4, help="Input scale; may be repeated. Default: 0.5 to 1."),
    ] = None,
    threads: Annotated[int, typer.Option(min=1, help="Threads of PyTorch.")] = 1,
    rounds: Rounds = 5,
    set_: Overrides = None,
    json_: Json = None,
    plot: Annotated[
        Path | None, typer.Option(help="Plot to write: .png, .svg or .pdf.", callback=writable)
    ] = None,
) -> None:
    """Plot the detector's accuracy against its speed, for weights at several input scales."""
    from stages.detector.shipped import SHIPPED
    from tools.bench.curve import SCALES, curve_report, plot_curve
    from tools.bench.curve import bench_curve as run
    from tools.training.config import load_training_config

    check_outputs(json_, plot)
    config = load_training_config(validate, set_ or [])
    files = weights or [Path(name) for name in SHIPPED]
    with activity("starting") as update:
        points = run(
            files,
            scale or SCALES,
            config,
            threads=threads,
            rounds=rounds,
            progress=update,
        )
    try:
        save([curve_report(points)], json_, None)
        if plot is not None:
            plot_curve(points, plot)
    finally:
        wide_console().print(_curve_table(points))


def _curve_table(points: Sequence[Point]) -> Table:
    columns = [f"{group} {metric}" for group, each in points[0].scores.items() for metric in each]
    table = Table("weights", "scale", "ms/frame", "spread", *columns)
    for point in points:
        low, high = point.time.spread
        table.add_row(
            point.weights,
            f"{point.scale:g}",
            f"{point.time.median:.1f}",
            f"{low:.0f}–{high:.0f}",
            *(f"{ap:.3f}" for each in point.scores.values() for ap in each.values()),
        )
    return table
