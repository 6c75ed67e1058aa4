"""``spotstream bench track`` and ``scores``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.table import Table

from stages.errors import ConfigError
from tools.bench.figures import BenchReport
from tools.commands.bench.output import Json, Plot, Rounds, check_outputs, save
from tools.commands.ground_truth import read_tracking_truth
from tools.commands.options import writable
from tools.console.terminal import activity, wide_console

if TYPE_CHECKING:
    from tools.bench.peers import Peer


def bench_trackers(
    detections: Annotated[
        Path | None,
        typer.Option(
            help="Folder of detection files to track, in addition to crowds: by our trackers "
            "at their defaults, by peers at the settings and minimum scores of bench scores."
        ),
    ] = None,
    peers: Annotated[
        Path | None,
        typer.Option(
            help="Also measure third-party trackers, in environments created in this folder "
            "(gigabytes: boxmot brings PyTorch)."
        ),
    ] = None,
    reference: Annotated[
        Path | None, typer.Option(help="Clone of abewley/sort, for --peers.")
    ] = None,
    only: Annotated[
        list[str] | None,
        typer.Option(help="Peers of this package only, such as roboflow; may be repeated."),
    ] = None,
    objects: Annotated[
        list[int] | None,
        typer.Option(
            min=0, help="Crowd size; may be repeated, 0 for none. Default: 100, 300, 1000."
        ),
    ] = None,
    rounds: Rounds = 5,
    json_: Json = None,
    plot: Plot = None,
) -> None:
    """Compare trackers alone, on one thread, with their peers: milliseconds, tracks per frame."""
    from tools.bench.track import bench_track

    check_outputs(json_, plot)
    others = _chosen_peers(peers, reference, only or [])
    if plot is not None and not others:
        raise ConfigError("--plot shows ratios to peers; give --peers, too")
    crowds = (100, 300, 1000) if objects is None else tuple(count for count in objects if count)
    if not crowds and detections is None:
        raise ConfigError("--objects 0 leaves nothing to track; give --detections, too")
    with activity("starting") as update:
        report = bench_track(detections, others, peers, rounds, update, objects=crowds)
    try:
        save([report], json_, plot)
    finally:
        wide_console().print(_trackers_table(report))


def _chosen_peers(
    environments: Path | None, reference: Path | None, only: Sequence[str]
) -> list[Peer]:
    """Returns the peers from the packages in ``only``, or all, and the clone of abewley/sort."""
    from tools.bench.peers import PEERS, reference_sort

    packages = list(dict.fromkeys(peer.environment for peer in PEERS))
    unknown = set(only) - set(packages)
    if unknown:
        raise ConfigError(
            f"--only must be one of {', '.join(packages)}, got {', '.join(sorted(unknown))}"
        )
    if environments is None:
        if reference is not None:
            raise ConfigError("--reference needs --peers, the folder of its environment")
        if only:
            raise ConfigError("--only needs --peers, the folder of the environments")
        return []
    chosen = [peer for peer in PEERS if peer.environment in (only or packages)]
    return chosen if reference is None else [*chosen, reference_sort(reference)]


def _trackers_table(report: BenchReport) -> Table:
    """Returns a row per tracker and a column per load; peers have their ratio to our equivalent."""
    units = list(dict.fromkeys(figure.unit for figure in report.figures))
    table = Table("", *("\n".join(reversed(unit.split(", ", 1))) for unit in units))
    cells = {(figure.name, figure.unit): f"{figure.median:.3g}" for figure in report.figures}
    for asked, ratio in report.ratios:
        cells[asked.name, asked.unit] += f" ({ratio.median:.1f} × {asked.to})"
    for name in dict.fromkeys(figure.name for figure in report.figures):
        table.add_row(name, *(cells[name, unit] for unit in units))
    return table


def bench_scores(
    gt: Annotated[Path, typer.Option(help="Ground-truth folder.")],
    detections: Annotated[Path, typer.Option(help="Folder of detection files.")],
    peers: Annotated[Path, typer.Option(help="Folder for third-party environments.")],
    benchmark: Annotated[
        Literal["uavdt", "detrac", "mot"], typer.Option(help="Format of the ground truth.")
    ] = "uavdt",
    reference: Annotated[Path | None, typer.Option(help="Clone of abewley/sort.")] = None,
    tracker: Annotated[
        list[str] | None,
        typer.Option(help="Our tracker: a name or a config; may be repeated. Default: uavdt."),
    ] = None,
    json_: Annotated[
        Path | None, typer.Option("--json", help="JSON file for all scores.", callback=writable)
    ] = None,
) -> None:
    """Score third-party trackers and ours on the same detections in the same way."""
    from stages.atomic import write_atomically
    from tools.annotations.ground_truths import IOU_THRESHOLDS
    from tools.bench.peer_scores import score_trackers
    from tools.console.text_formats import as_json
    from tools.evaluation.tables import shown
    from tools.tracking.tracker_choice import choose_tracker

    columns = ("HOTA", "MOTA", "IDF1", "IDS", "FP", "FN")
    with activity("starting") as update:
        scores = score_trackers(
            read_tracking_truth(benchmark, gt)[0],
            detections,
            [choose_tracker(label) for label in tracker or ["uavdt"]],
            _chosen_peers(peers, reference, []),
            peers,
            iou_threshold=IOU_THRESHOLDS[benchmark],
            progress=update,
        )
    table = Table("", *columns)
    for label, row in scores.items():
        table.add_row(label, *(shown(name, row[name]) for name in columns))
    try:
        if json_ is not None:
            write_atomically(json_, as_json(scores))
    finally:
        wide_console().print(table)
