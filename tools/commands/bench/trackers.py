"""``spotstream bench track`` and ``scores``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.console import Console
from rich.table import Table

from stages.errors import ConfigError
from tools.bench.output import Json, Plot, save
from tools.bench.plot import check_plot
from tools.terminal import wide_console


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
    from tools.annotations.ground_truths import IOU_THRESHOLDS, read_ground_truths
    from tools.bench.peer_scores import score_trackers, tuned_peers
    from tools.bench.peers import reference_sort
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
