"""``spotstream evaluate detrac``, ``uavdt`` and ``mot``."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from stages.errors import ConfigError
from tools.commands.evaluate.entries import read_entries
from tools.commands.evaluate.output import Csv, Json, Output
from tools.commands.ground_truth import read_sequences
from tools.commands.options import (
    FrameCounts,
    TrackerSettings,
    WorkerCount,
    config_names,
    refuse_inputs,
    refuse_same,
    tracker_names,
    writable_folder,
)
from tools.console.terminal import progress_bar

if TYPE_CHECKING:
    from tools.annotations.ground_truth import GroundTruth
    from tools.annotations.ground_truths import Benchmark
    from tools.evaluation.benchmark import Entry


def _tracker_or_config_names(incomplete: str) -> list[str]:
    none = ["none"] if "none".startswith(incomplete) else []
    return [*tracker_names(incomplete), *config_names(incomplete), *none]


Detections = Annotated[
    list[str] | None,
    typer.Option(help="Folder of detection files, or name=folder; may be repeated."),
]
Results = Annotated[
    list[str] | None,
    typer.Option(
        help="Folder of MOT tracks or of UA-DETRAC's matrices, or name=folder; may be repeated."
    ),
]
Trackers = Annotated[
    list[str] | None,
    typer.Option(
        "--tracker",
        help="Tracker to run on the detections: a name, package.module:Class of your own, or a "
        "config for its tracker and settings; may be repeated. none: score only the detections "
        "(not mot). Default: sort.",
        autocompletion=_tracker_or_config_names,
    ),
]
Only = Annotated[
    list[str] | None, typer.Option("--sequence", help="Score only this sequence; may be repeated.")
]
ReportFolder = Annotated[
    Path | None,
    typer.Option(
        help="Folder for an HTML report with curves.", readable=False, callback=writable_folder
    ),
]
Check = Annotated[
    bool, typer.Option("--check", help="Also score the tracks with TrackEval and compare.")
]


def detections_and_tracks(
    context: typer.Context,
    gt: Annotated[
        Path,
        typer.Option(
            help="UA-DETRAC: folder of NAME.xml. UAVDT: of NAME_gt.txt, NAME_gt_ignore.txt, …. "
            "MOT: of NAME/gt/gt.txt or of NAME.txt."
        ),
    ],
    detections: Detections = None,
    results: Results = None,
    tracker: Trackers = None,
    set_: TrackerSettings = None,
    sequence: Only = None,
    frames: FrameCounts = None,
    json_: Json = None,
    csv: Csv = None,
    report: ReportFolder = None,
    workers: WorkerCount = None,
    check: Check = False,
) -> None:
    """Score by the protocol of the benchmark that the command is named after."""
    refuse_same({"--json": json_, "--csv": csv})
    entries = read_entries(detections, results, tracker or ["sort"], set_)
    if not detections and (set_ or set(tracker or ()) - {"none"}):
        raise ConfigError("--tracker and --set need --detections; --results are scored as they are")
    benchmark = cast("Benchmark", context.info_name)
    if benchmark == "mot":
        if set(tracker or ()) == {"none"} and detections:
            raise ConfigError("mot scores only tracks; --detections need a --tracker")
        entries = [replace(entry, judged=False) for entry in entries]
    _evaluate(
        benchmark,
        gt,
        entries,
        read_sequences(benchmark, gt, sequence, frames),
        Output(json_, csv, report, check),
        workers,
    )


def _evaluate(
    benchmark: Benchmark,
    gt: Path,
    entries: list[Entry],
    sequences: tuple[list[GroundTruth], list[str]],
    output: Output,
    workers: int | None,
) -> None:
    from tools.evaluation.benchmark import score_entries
    from tools.evaluation.protocol import ScoringProtocol

    refuse_inputs([output.json, output.csv], [gt, *(entry.folder for entry in entries)])
    truths, others = sequences
    protocol = ScoringProtocol(benchmark, gt, truths)
    with progress_bar() as bar:
        task = bar.add_task("sequences", total=len(entries) * len(truths))
        scores = score_entries(
            entries,
            truths,
            iou_threshold=protocol.iou_threshold,
            others=others,
            workers=workers,
            advance=lambda count: bar.advance(task, count),
        )
    output.write(scores, protocol)
