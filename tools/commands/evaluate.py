"""``spotstream evaluate``: scores of detections and tracks against ground truth."""

from __future__ import annotations

import io
import json
import math
from collections.abc import Sequence
from csv import writer as csv_writer
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import Progress

from stages.errors import ConfigError, SpotStreamError
from stages.number_table import MAX_FRAME
from tools.terminal import wide_console

if TYPE_CHECKING:
    from tools.annotations.ground_truth import GroundTruth
    from tools.annotations.ground_truths import Benchmark
    from tools.evaluation.benchmark import Entry, EntryScore

evaluate = typer.Typer(
    no_args_is_help=True, help="Score detections and tracks against ground truth."
)

Detections = Annotated[
    list[str] | None,
    typer.Option(help="Folder of detection files, or name=folder; may be repeated."),
]
Results = Annotated[
    list[str] | None, typer.Option(help="Folder of MOT tracks, or name=folder; may be repeated.")
]
Trackers = Annotated[
    list[str] | None,
    typer.Option(
        "--tracker",
        help="To run on the detections: a tracker's name, or a config for its tracker and "
        "settings; may be repeated. none: only detections are scored.",
    ),
]
Settings = Annotated[
    list[str] | None, typer.Option("--set", help="A setting of the trackers: max_age=30.")
]
Only = Annotated[
    list[str] | None, typer.Option("--sequence", help="Only this one; may be repeated.")
]
Lengths = Annotated[
    list[str] | None,
    typer.Option("--frames", help="NAME=N, frames of a sequence that ends without vehicles."),
]
Json = Annotated[Path | None, typer.Option("--json", help="File for all scores.")]
Csv = Annotated[Path | None, typer.Option("--csv", help="File for all scores.")]
Report = Annotated[Path | None, typer.Option(help="Folder for an HTML page with curves.")]
Jobs = Annotated[int | None, typer.Option(min=1, help="Processes. Without: one for each core.")]
Check = Annotated[
    bool, typer.Option("--check", help="Have TrackEval score the tracks too, and compare.")
]


@evaluate.command("uavdt", help="UAVDT: AP, CLEAR, IDF1 and HOTA at IoU 0.5, and the PR protocol.")
@evaluate.command(
    "detrac", help="UA-DETRAC: AP, CLEAR, IDF1 and HOTA at IoU 0.7, and the PR protocol."
)
def detections_and_tracks(
    context: typer.Context,
    gt: Annotated[
        Path,
        typer.Option(help="Folder of NAME.xml, or of NAME_gt.txt, NAME_gt_ignore.txt, …."),
    ],
    detections: Detections = None,
    results: Results = None,
    tracker: Trackers = None,
    set_: Settings = None,
    sequence: Only = None,
    frames: Lengths = None,
    json_: Json = None,
    csv: Csv = None,
    report: Report = None,
    jobs: Jobs = None,
    check: Check = False,
) -> None:
    """Scores by the protocol of the benchmark that the command is named after."""
    _evaluate(
        cast("Benchmark", context.info_name),
        _entries(detections, results, tracker or ["sort"], set_),
        _Sequences(gt, sequence, frames),
        _Outputs(json_, csv, report, jobs, check),
    )


@evaluate.command()
def mot(
    gt: Annotated[Path, typer.Option(help="Folder of NAME/gt/gt.txt or of NAME.txt.")],
    results: Results = None,
    sequence: Only = None,
    frames: Lengths = None,
    json_: Json = None,
    csv: Csv = None,
    report: Report = None,
    jobs: Jobs = None,
    check: Check = False,
) -> None:
    """MOTChallenge: HOTA, CLEAR and IDF1 of result files, equal to TrackEval's."""
    _evaluate(
        "mot",
        _entries(None, results, [], None),
        _Sequences(gt, sequence, frames),
        _Outputs(json_, csv, report, jobs, check),
    )


@evaluate.command()
def coco(
    gt: Annotated[Path, typer.Option(help="COCO annotations.")],
    detections: Annotated[
        list[str], typer.Option(help="COCO results, or name=file; may be repeated.")
    ],
    class_: Annotated[
        list[str] | None, typer.Option("--class", help="Only this category; may be repeated.")
    ] = None,
    json_: Json = None,
    csv: Csv = None,
) -> None:
    """Single images: AP, AP50, AP70 and by size, by pycocotools."""
    from rich.table import Table

    from tools.evaluation.coco import score_coco

    files = [_named(text) for text in detections]
    if len(files) > 1:
        files = [(name or path.stem, path) for name, path in files]
    _check_names([name for name, _ in files])
    scores = {name: score_coco(gt, path, class_ or []) for name, path in files}
    columns = list(next(iter(scores.values())))
    table = Table("", *columns)
    for name, row in scores.items():
        table.add_row(
            escape(name), *("–" if math.isnan(v) else f"{100 * v:.2f}" for v in row.values())
        )
    wide_console().print(table)
    if json_ is not None:
        groups = {
            name: {
                "overall": {"detection": {k: None if math.isnan(v) else v for k, v in row.items()}}
            }
            for name, row in scores.items()
        }
        content = groups[""] if list(groups) == [""] else groups
        _write(json_, json.dumps(content, indent=2) + "\n")
    if csv is not None:
        text = io.StringIO()
        writer = csv_writer(text, lineterminator="\n")
        writer.writerow(["name", *columns])
        writer.writerows([name, *row.values()] for name, row in scores.items())
        _write(csv, text.getvalue())


@dataclass(frozen=True, slots=True)
class _Outputs:
    """Where the scores go, and how they are made."""

    json: Path | None
    csv: Path | None
    report: Path | None
    jobs: int | None
    check: bool


@dataclass(frozen=True, slots=True)
class _Sequences:
    """What is scored against."""

    folder: Path
    only: list[str] | None
    lengths: list[str] | None


def _evaluate(
    benchmark: Benchmark, entries: list[Entry], sequences: _Sequences, outputs: _Outputs
) -> None:
    from tools.annotations.ground_truths import IOU_THRESHOLDS, read_ground_truths
    from tools.evaluation.benchmark import score_entries
    from tools.evaluation.tables import score_tables, terminal_table, to_csv, to_json

    truths = _chosen(read_ground_truths(benchmark, sequences.folder), sequences)
    iou_threshold = IOU_THRESHOLDS[benchmark]
    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("sequences", total=len(entries) * len(truths))
        scores = score_entries(
            entries,
            truths,
            iou_threshold=iou_threshold,
            jobs=outputs.jobs,
            advance=lambda count: bar.advance(task, count),
        )
    console = wide_console()
    for table in score_tables(scores):
        console.print(terminal_table(table))
    for score in scores:
        _tell_undivided(score)
    if outputs.json is not None:
        _write(outputs.json, to_json(scores))
    if outputs.csv is not None:
        _write(outputs.csv, to_csv(scores))
    if outputs.report is not None:
        from tools.evaluation.report import write_report

        page = write_report(outputs.report, scores, truths, iou_threshold)
        console.print(f"report: {page}", highlight=False, soft_wrap=True)
    if outputs.check:
        _check(scores, truths, iou_threshold)


def _tell_undivided(score: EntryScore) -> None:
    """Tells why there are no PR scores where there might be."""
    undivided = [name for name, each in score.sequences.items() if not each.points]
    if score.entry.tracker is not None and undivided:
        label = f"{score.entry.name}: " if score.entry.name else ""
        typer.echo(
            f"{label}no PR scores: detections of {undivided[0]} have scores that are not from 0 to "
            f"1, which the protocol's thresholds are",
            err=True,
        )


def _check(
    scores: Sequence[EntryScore], truths: Sequence[GroundTruth], iou_threshold: float
) -> None:
    from tools.evaluation.comparison import compare
    from tools.evaluation.reference import trackeval_scores

    for score in scores:
        ours = score.overall.get("tracking", {})
        comparisons = {
            truth.name: compare(truth.tracks, tracks)
            for truth in truths
            if (tracks := score.sequences[truth.name].tracks) is not None
        }
        if not comparisons:
            continue
        theirs = trackeval_scores(comparisons, iou_threshold)
        differing = [
            f"{name} {ours[name]!r}, by TrackEval {theirs[name]!r}"
            for name in ours
            if not math.isclose(ours[name], theirs[name], rel_tol=1e-9, abs_tol=1e-9)
        ]
        label = f"{score.entry.name}: " if score.entry.name else ""
        if differing:
            raise SpotStreamError(f"{label}{'; '.join(differing)}")
        typer.echo(f"{label}TrackEval finds the same in all {len(ours)} scores")


def _entries(
    detections: list[str] | None,
    results: list[str] | None,
    trackers: list[str],
    settings: list[str] | None,
) -> list[Entry]:
    from tools.evaluation.benchmark import Entry, with_trackers
    from tools.evaluation.tracker_choice import choose_tracker

    if not detections and not results:
        raise ConfigError("nothing to score; give --detections or --results")
    choices = [choose_tracker(label, settings or []) for label in trackers if label != "none"]
    found, tracked = list(map(_named, detections or [])), list(map(_named, results or []))
    if len(found) > 1 or tracked:
        found = [(name or folder.resolve().name, folder) for name, folder in found]
    if len(tracked) > 1 or found:
        tracked = [(name or folder.resolve().name, folder) for name, folder in tracked]
    entries = with_trackers([Entry(name, detections=folder) for name, folder in found], choices)
    entries += [Entry(name, results=folder) for name, folder in tracked]
    _check_names([entry.name for entry in entries])
    return entries


def _check_names(names: Sequence[str]) -> None:
    for name in names:
        if names.count(name) > 1:
            raise ConfigError(f"two things to score are called {name!r}; name them: name=PATH")


def _named(text: str) -> tuple[str, Path]:
    """``name=path`` or a path, whose name is then ""."""
    name, equals, path = text.partition("=")
    if equals and "/" not in name and not Path(text).exists():
        return name, Path(path)
    return "", Path(text)


def _chosen(truths: list[GroundTruth], sequences: _Sequences) -> list[GroundTruth]:
    """The sequences asked for, as long as they are said to be."""
    folder = sequences.folder
    by_name = {truth.name: truth for truth in truths}
    for text in sequences.lengths or []:
        name, _, number = text.partition("=")
        good = name in by_name and number.isdecimal()
        if not good or not by_name[name].frame_count <= int(number) <= MAX_FRAME:
            raise ConfigError(
                f"--frames needs NAME=N with a sequence of {folder} and no fewer frames than are "
                f"annotated, got {text!r}"
            )
        by_name[name] = replace(by_name[name], frame_count=int(number))
    for name in sequences.only or []:
        if name not in by_name:
            raise ConfigError(
                f"no sequence {name!r} in {folder}; there are {', '.join(sorted(by_name))}"
            )
    chosen = [by_name[name] for name in by_name if not sequences.only or name in sequences.only]
    for truth in chosen:
        if truth.frame_count == 0:
            raise ConfigError(
                f"sequence {truth.name} has no ground truth at all; say how many frames it has: "
                f"--frames {truth.name}=N"
            )
    return chosen


def _write(path: Path, text: str) -> None:
    from stages.atomic import AtomicFile

    with AtomicFile(path) as file:
        file.write(text)
