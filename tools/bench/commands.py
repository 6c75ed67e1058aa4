"""``spotstream bench``: speed, measured side by side."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich import box
from rich.console import Console
from rich.table import Table

from stages.errors import ConfigError
from tools.bench.plot import check_plot
from tools.bench.stage_commands import (
    Json,
    Plot,
    bench_all,
    bench_curve,
    bench_decode,
    bench_sink,
    bench_streams,
    bench_transport,
    save,
    show,
)
from tools.config_help import CONFIG_HELP
from tools.terminal import wide_console

bench = typer.Typer(no_args_is_help=True, help="Measure speed, side by side.")
bench.command("transport")(bench_transport)
bench.command("decode")(bench_decode)
bench.command("sink")(bench_sink)
bench.command("streams")(bench_streams)
bench.command("curve")(bench_curve)
bench.command("all")(bench_all)


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
    json_: Json = None,
    plot: Plot = None,
) -> None:
    """The four processes beside one process that calls the same functions in a loop.

    Where the source is a video file, beside a loop as many write it: OpenCV's VideoCapture and
    VideoWriter, the network as CenterNet's demo runs it. And beside the slowest stage: frames over
    its time alone, as the run measured it.
    """
    from pipeline.config import load_config
    from tools.bench.pipeline import bench_pipeline as run

    whole = load_config(config, set_ or [])
    show(lambda progress: [run(source, whole, rounds, progress)], json_, plot)


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
    only: Annotated[
        list[str] | None,
        typer.Option(help="Of the peers only those of this package, such as roboflow; repeatable."),
    ] = None,
    objects: Annotated[
        list[int] | None,
        typer.Option(
            min=0, help="Size of a crowd; repeatable, 0 for none. Without: 100, 300, 1000."
        ),
    ] = None,
    rounds: Annotated[int, typer.Option(min=1, help="How often each is measured, in turn.")] = 5,
    json_: Json = None,
    plot: Plot = None,
) -> None:
    """Trackers alone on one thread: milliseconds a frame, beside their peers."""
    from tools.bench.peers import PEERS, reference_sort
    from tools.bench.track import OBJECTS, bench_track, track_report

    check_plot(plot)
    others = list(PEERS) if peers else []
    unknown = set(only or ()) - {peer.environment for peer in PEERS}
    if unknown:
        known = ", ".join(dict.fromkeys(peer.environment for peer in PEERS))
        raise ConfigError(f"--only must be one of {known}, got {', '.join(sorted(unknown))}")
    if only:
        others = [peer for peer in others if peer.environment in only]
    if reference is not None:
        if peers is None:
            raise ConfigError("--reference needs --peers, the folder of its environment")
        others.append(reference_sort(reference))
    with Console(stderr=True).status("starting") as status:
        crowds = OBJECTS if objects is None else tuple(count for count in objects if count)
        speeds = bench_track(detections, others, peers, rounds, status.update, objects=crowds)
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
    wide_console().print(table)
    save([track_report(speeds)], json_, plot)


@bench.command("detect")
def bench_detectors(
    weights: Annotated[
        Path | None,
        typer.Option(help="A weights file, or the name of one that ships."),
    ] = None,
    model: Annotated[
        list[Path] | None, typer.Option(help="Exported model, beside the engines; may be repeated.")
    ] = None,
    source: Annotated[
        str | None, typer.Option(help="Video file or image folder. Without: a rendered scene.")
    ] = None,
    frames: Annotated[int, typer.Option(min=1, help="How many frames.")] = 10,
    rounds: Annotated[int, typer.Option(min=1, help="How often each is measured, in turn.")] = 7,
    threads: Annotated[int, typer.Option(min=1, help="Of each engine.")] = 1,
    device: Annotated[
        str, typer.Option(help="Of PyTorch: cpu, cuda, cuda:1. The others are left out on a GPU.")
    ] = "cpu",
    batch: Annotated[int, typer.Option(min=1, help="Frames at a time.")] = 1,
    scale: Annotated[
        float | None, typer.Option(min=0.05, max=4, help="Of the input. Without: the weights'.")
    ] = None,
    compiled: Annotated[
        bool, typer.Option("--compile", help="torch.compile too; needs a C++ compiler.")
    ] = False,
    validate: Annotated[
        Path | None, typer.Option(help="Training config: AP on the scenes that it holds out.")
    ] = None,
    set_: Annotated[
        list[str] | None, typer.Option("--set", help="Override a key of that: key.path=value.")
    ] = None,
    json_: Json = None,
    plot: Plot = None,
) -> None:
    """The detector, frame in and boxes out, by engine, beside what a matrix product reaches."""
    import dataclasses

    from stages.detector.shipped import find_weights
    from stages.sink.atomic import AtomicFile
    from tools.bench.arithmetic import arithmetic_of
    from tools.bench.detect import (
        EAGER,
        bench_detect,
        detect_report,
        make_detectors,
        rendered_frames,
        source_frames,
    )
    from tools.bench.detector_scores import score_detectors

    check_plot(plot)
    detectors = make_detectors(weights, threads, model or [], compiled=compiled, device=device)
    for detector in detectors.values():
        detector.scale = scale or detector.scale
    with Console(stderr=True).status("starting") as status:
        pictures = rendered_frames(frames) if source is None else source_frames(source, frames)
        speeds = bench_detect(detectors, pictures, rounds, status.update, batch=batch)
        status.update("arithmetic")
        work, most = arithmetic_of(find_weights(weights), detectors[EAGER], pictures[0])
        scores = score_detectors(detectors, validate, set_ or [], status.update) if validate else {}
    columns = [f"{group} {name}" for group, each in next(iter(scores.values()), {}).items()
               for name in each]  # fmt: skip
    table = Table("", box=box.SIMPLE, padding=(0, 1, 0, 0))
    for column in ("ms/frame", "spread", "CPU ms", "× eager", "px apart", *columns):
        table.add_column(column, justify="right")
    for speed in speeds:
        own = [f"{ap:.4f}" for each in scores.get(speed.name, {}).values() for ap in each.values()]
        low, high = speed.spread
        table.add_row(
            speed.name,
            f"{speed.milliseconds:.1f}",
            f"{low:.0f}–{high:.0f}",
            f"{speed.cpu_milliseconds:.1f}",
            f"{speed.to_eager:.2f}",
            f"{speed.box_distance:.2g}",
            *own,
        )
    wide_console().print(table)
    reached = work / speeds[0].milliseconds
    wide_console().print(
        f"{work:.1f} GFLOP a frame; {EAGER} reaches {reached:.3g} TFLOP/s, "
        f"{reached / most:.0%} of the {most:.3g} of a matrix product",
        highlight=False,
    )
    if json_ is not None:
        rows = [dataclasses.asdict(speed) | {"scores": scores.get(speed.name)} for speed in speeds]
        with AtomicFile(json_) as file:
            file.write(json.dumps(rows, indent=1) + "\n")
    save([detect_report(speeds)], None, plot)


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
    wide_console().print(table)
    if json_ is not None:
        with AtomicFile(json_) as file:
            file.write(json.dumps(scores, indent=1))


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
    wide_console().print(table)
