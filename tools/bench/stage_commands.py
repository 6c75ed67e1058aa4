"""``spotstream bench transport``, ``decode``, ``sink``, ``streams``, ``curve`` and ``all``."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.console import Console
from rich.table import Table

from tools.bench.figures import Report
from tools.bench.plot import check_plot, plot_reports
from tools.terminal import wide_console

Peers = Annotated[
    Path | None,
    typer.Option(help="Measure other people's packages too, in environments made in this folder."),
]
Rounds = Annotated[int, typer.Option(min=1, help="How often each is measured, in turn.")]
Json = Annotated[Path | None, typer.Option("--json", help="File for all figures.")]
Plot = Annotated[Path | None, typer.Option(help="Picture of all ratios: .png, .svg or .pdf.")]
Source = Annotated[Path | None, typer.Option(exists=True, dir_okay=False, help="Video file.")]


def bench_transport(
    peers: Peers = None,
    frames: Annotated[int, typer.Option(min=20, help="Inline frames of a round.")] = 100,
    rounds: Rounds = 5,
    port: Annotated[int, typer.Option(min=1026, max=65000, help="First TCP port.")] = 6200,
    json_: Json = None,
    plot: Plot = None,
) -> None:
    """Frames between processes, beside bare ZeroMQ, imagezmq and NetGear (VidGear)."""
    from tools.bench.transport import bench_transport as run

    show(
        lambda progress: [run(peers, frames=frames, rounds=rounds, port=port, progress=progress)],
        json_,
        plot,
    )


def bench_decode(
    source: Source = None,
    peers: Peers = None,
    frames: Annotated[int, typer.Option(min=2, help="Of a video made on the spot.")] = 120,
    rounds: Rounds = 5,
    json_: Json = None,
    plot: Plot = None,
) -> None:
    """Decoding into shared memory, beside bare PyAV, the ffmpeg program and OpenCV."""
    from tools.bench.decode import bench_decode as run

    show(
        lambda progress: [run(source, peers, frames=frames, rounds=rounds, progress=progress)],
        json_,
        plot,
    )


def bench_sink(
    frames: Annotated[int, typer.Option(min=2, help="Of a round.")] = 96,
    vehicles: Annotated[int, typer.Option(min=0, help="Tracks in each frame.")] = 30,
    rounds: Rounds = 5,
    json_: Json = None,
    plot: Plot = None,
) -> None:
    """The overlay at 1080p: drawing alone, encoding alone, and both."""
    from tools.bench.sink import bench_sink as run

    show(
        lambda progress: [run(frames=frames, vehicles=vehicles, rounds=rounds, progress=progress)],
        json_,
        plot,
    )


def bench_streams(
    source: Annotated[
        Path | None,
        typer.Argument(exists=True, dir_okay=False, help="Video file, played as every camera."),
    ] = None,
    streams: Annotated[
        list[int] | None,
        typer.Option(min=1, max=64, help="Cameras; may be repeated. Without: 1, 2, 4, 8."),
    ] = None,
    delay_ms: Annotated[float, typer.Option(help="What the detector takes for a batch.")] = 5.0,
    rounds: Rounds = 3,
    json_: Json = None,
    plot: Plot = None,
) -> None:
    """Many cameras at once, with a stand-in for the detector: cost, memory, drops, latency."""
    from tools.bench.streams import STREAMS
    from tools.bench.streams import bench_streams as run

    counts = streams or STREAMS
    show(
        lambda progress: [run(source, counts, delay_ms=delay_ms, rounds=rounds, progress=progress)],
        json_,
        plot,
    )


def bench_curve(
    validate: Annotated[
        Path, typer.Argument(help="Training config; the scenes that it holds out are scored.")
    ],
    weights: Annotated[
        list[Path] | None,
        typer.Option(help="File, or name of what ships; repeatable. Without: all that ship."),
    ] = None,
    scale: Annotated[
        list[float] | None,
        typer.Option(min=0.05, max=4, help="Of the input; repeatable. Without: 0.5 to 1."),
    ] = None,
    engine: Annotated[
        Literal["torch", "openvino", "onnxruntime"], typer.Option(help="What computes.")
    ] = "torch",
    precision: Annotated[
        Literal["auto", "float32", "int8"], typer.Option(help="In what.")
    ] = "auto",
    threads: Annotated[int, typer.Option(min=1, help="Of the engine.")] = 1,
    rounds: Rounds = 5,
    set_: Annotated[
        list[str] | None, typer.Option("--set", help="Override a key: key.path=value.")
    ] = None,
    json_: Json = None,
    plot: Annotated[Path | None, typer.Option(help="Picture: .png, .svg or .pdf.")] = None,
) -> None:
    """Accuracy against speed of the detector: weights at several scales of their input."""
    from stages.detector.shipped import SHIPPED
    from tools.bench.curve import SCALES, plot_curve
    from tools.bench.curve import bench_curve as run

    check_plot(plot)
    files = weights or [Path(name) for name in SHIPPED]
    with Console(stderr=True).status("starting") as status:
        points = run(
            files,
            scale or SCALES,
            validate,
            set_ or [],
            engine=engine,
            precision=precision,
            threads=threads,
            rounds=rounds,
            progress=status.update,
        )
    columns = [f"{group} {name}" for group, each in points[0].scores.items() for name in each]
    table = Table("weights", "scale", "ms/frame", "spread", *columns)
    for point in points:
        low, high = point.time.spread
        own = [f"{ap:.3f}" for each in point.scores.values() for ap in each.values()]
        time = f"{point.time.median:.1f}"
        table.add_row(point.weights, f"{point.scale:g}", time, f"{low:.0f}–{high:.0f}", *own)
    wide_console().print(table)
    save([Report("curve", tuple(point.time for point in points), ())], json_, None)
    if plot is not None:
        plot_curve(points, plot)


def bench_all(
    source: Annotated[str, typer.Option(help="Video file; demo is rendered.")] = "demo",
    peers: Peers = None,
    frames: Annotated[int, typer.Option(min=10, help="How many, by and large.")] = 24,
    rounds: Rounds = 3,
    json_: Json = None,
    plot: Plot = None,
) -> None:
    """Every bench in a short form: pipeline, transport, decode, detect, track and sink."""
    from tools.bench.everything import bench_all as run

    show(
        lambda progress: run(peers, source=source, frames=frames, rounds=rounds, progress=progress),
        json_,
        plot,
    )


def show(
    run: Callable[[Callable[[str], None]], Sequence[Report]], json_: Path | None, plot: Path | None
) -> None:
    """Runs benches and prints what they report; ``json_`` and ``plot`` are files for it."""
    check_plot(plot)
    with Console(stderr=True).status("starting") as status:
        reports = run(status.update)
    for report in reports:
        wide_console().print(figures_table(report))
        if report.ratios:
            wide_console().print(ratios_table(report))
    save(reports, json_, plot)


def save(reports: Sequence[Report], json_: Path | None, plot: Path | None) -> None:
    """Writes what benches report, and of which machine, into the files that are asked for."""
    from stages.sink.atomic import AtomicFile

    if json_ is not None:
        machine = {"cores": os.cpu_count(), "load": os.getloadavg()}
        content = {"machine": machine, "benches": [report.as_json() for report in reports]}
        with AtomicFile(json_) as file:
            file.write(json.dumps(content, indent=1) + "\n")
    if plot is not None:
        plot_reports(reports, plot)


def figures_table(report: Report) -> Table:
    """Median and spread of each figure."""
    table = Table(report.bench, "unit", "median", "spread")
    for figure in report.figures:
        low, high = figure.spread
        table.add_row(figure.name, figure.unit, f"{figure.median:.4g}", f"{low:.4g}–{high:.4g}")
    return table


def ratios_table(report: Report) -> Table:
    """Median and spread of each ratio, beside what is aimed at."""
    table = Table("ratio", "of", "median", "spread", "aim")
    for asked, ratio in report.ratios:
        low, high = ratio.spread
        aim = "" if asked.aim is None else f"≥ {asked.aim:.3g}"
        aim += "" if asked.limit is None else f"≤ {asked.limit:.3g}"
        name = f"{asked.name} / {asked.to}"
        table.add_row(name, asked.unit, f"{ratio.median:.3g}", f"{low:.3g}–{high:.3g}", aim)
    return table
