"""``spotstream bench``: speed, measured side by side."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.console import Console
from rich.table import Table

from stages.errors import ConfigError
from tools.config_help import CONFIG_HELP

bench = typer.Typer(no_args_is_help=True, help="Measure speed, side by side.")


@bench.command("pipeline")
def bench_pipeline(
    source: Annotated[str, typer.Option(help="Video file or image folder; demo is rendered.")] = (
        "demo"
    ),
    config: Annotated[Path | None, typer.Option(help=CONFIG_HELP)] = None,
    set_: Annotated[
        list[str] | None, typer.Option("--set", help="Override a config key: key.path=value.")
    ] = None,
    rounds: Annotated[int, typer.Option(min=1, help="How often both are run, in turn.")] = 3,
) -> None:
    """The four processes against one process that calls the same functions in a loop."""
    from pipeline.config import load_config
    from tools.bench.pipeline import bench_pipeline as measure

    def show(number: int, four: float, one: float) -> None:
        typer.echo(f"round {number + 1}: four processes {four:.1f} fps, one loop {one:.1f} fps")

    result = measure(source, load_config(config, set_ or []), rounds, show)
    typer.echo(f"{result.frames} frames; four processes to one loop: {result.ratio:.2f} (median)")


@bench.command("track")
def bench_trackers(
    detections: Annotated[
        Path | None, typer.Option(help="Folder of detection files to track, beside crowds.")
    ] = None,
    peers: Annotated[
        Path | None,
        typer.Option(
            help="Measure other people's trackers too, in environments made in this folder "
            "(gigabytes: boxmot brings PyTorch)."
        ),
    ] = None,
    reference: Annotated[
        Path | None, typer.Option(help="A clone of abewley/sort, for --peers.")
    ] = None,
    rounds: Annotated[int, typer.Option(min=1, help="How often each is measured, in turn.")] = 5,
    json_: Annotated[Path | None, typer.Option("--json", help="File for all figures.")] = None,
) -> None:
    """Trackers alone on one thread: milliseconds a frame, beside their peers."""
    import dataclasses

    from stages.sink.atomic import AtomicFile
    from tools.bench.peers import PEERS, reference_sort
    from tools.bench.track import bench_track

    others = list(PEERS) if peers else []
    if reference is not None:
        if peers is None:
            raise ConfigError("--reference needs --peers, the folder of its environment")
        others.append(reference_sort(reference))
    with Console(stderr=True).status("starting") as status:
        speeds = bench_track(detections, others, peers, rounds, status.update)
    loads = list(dict.fromkeys(speed.load for speed in speeds))
    table = Table("ms per frame", *loads)
    for name in dict.fromkeys(speed.name for speed in speeds):
        own = {speed.load: speed for speed in speeds if speed.name == name}
        cells = []
        for load in loads:
            ours = next(s for s in speeds if s.load == load and s.name == own[load].kind)
            ratio = own[load].milliseconds / ours.milliseconds
            times = "" if ours is own[load] else f" ({ratio:.1f} × {ours.name})"
            cells.append(f"{own[load].milliseconds:.3g}{times}")
        table.add_row(name, *cells)
    Console().print(table)
    if json_ is not None:
        with AtomicFile(json_) as file:
            file.write(json.dumps([dataclasses.asdict(speed) for speed in speeds], indent=1))


@bench.command("scores")
def bench_scores(
    gt: Annotated[Path, typer.Option(help="Folder of ground truth.")],
    detections: Annotated[Path, typer.Option(help="Folder of detection files.")],
    peers: Annotated[Path, typer.Option(help="Folder for the environments of the others.")],
    benchmark: Annotated[
        Literal["uavdt", "detrac", "mot"], typer.Option(help="Format of the ground truth.")
    ] = "uavdt",
    reference: Annotated[Path | None, typer.Option(help="A clone of abewley/sort.")] = None,
    tracker: Annotated[
        list[str] | None, typer.Option(help="Ours: a name or a config; may be repeated.")
    ] = None,
    json_: Annotated[Path | None, typer.Option("--json", help="File for all scores.")] = None,
) -> None:
    """Other people's trackers on the same detections, scored the same way."""
    from stages.sink.atomic import AtomicFile
    from tools.bench.peer_scores import score_trackers, tuned_peers
    from tools.bench.peers import reference_sort
    from tools.evaluation.ground_truths import IOU_THRESHOLDS, read_ground_truths
    from tools.evaluation.tables import shown
    from tools.evaluation.tracker_choice import choose_tracker

    columns = ("HOTA", "MOTA", "IDF1", "IDS", "FP", "FN")
    with Console(stderr=True).status("starting") as status:
        scores = score_trackers(
            read_ground_truths(benchmark, gt),
            detections,
            [choose_tracker(label) for label in tracker or ["uav"]],
            tuned_peers(reference_sort(reference) if reference else None),
            peers,
            iou_threshold=IOU_THRESHOLDS[benchmark],
            progress=status.update,
        )
    table = Table("", *columns)
    for label, row in scores.items():
        table.add_row(label, *(shown(name, row[name]) for name in columns))
    Console().print(table)
    if json_ is not None:
        with AtomicFile(json_) as file:
            file.write(json.dumps(scores, indent=1))


@bench.command("streams")
def bench_many_streams(
    source: Annotated[Path, typer.Argument(help="Video file, played as every camera.")],
    streams: Annotated[int, typer.Option(min=1, max=64, help="Cameras.")] = 8,
    delay_ms: Annotated[float, typer.Option(help="What the detector takes for a batch.")] = 5.0,
) -> None:
    """Many cameras at once, with a stand-in for the detector: drops and latency."""
    from tools.bench.streams import bench_streams

    table = Table("stream", "frames", "dropped", "p50 ms", "p95 ms", "p99 ms")
    for each in bench_streams(source, streams, delay_ms):
        latency = (f"{each.latency_ms[p]:.1f}" for p in ("p50", "p95", "p99"))
        table.add_row(each.stream, str(each.frames), str(each.dropped), *latency)
    Console().print(table)


@bench.command("soak")
def soak(
    frames: Annotated[int, typer.Option(min=1000, help="Small frames to send.")] = 200_000,
    overlay: Annotated[bool, typer.Option(help="Write the overlay too.")] = True,
) -> None:
    """Growth of every process over a long run."""
    from tools.bench.soak import bench_soak

    result = bench_soak(frames, overlay=overlay)
    table = Table(
        "process", "MB per 100,000 frames", "descriptors", title=f"{result.frames} frames"
    )
    for name, slope in result.slopes.items():
        table.add_row(name, f"{slope:+.2f}", f"{result.descriptors[name]:+d}")
    Console().print(table)
