"""``spotstream evaluate coco``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from tools.commands.evaluate.entries import check_names, named
from tools.commands.evaluate.output import Csv, Json
from tools.commands.options import refuse_inputs, refuse_same
from tools.console.terminal import activity, wide_console

if TYPE_CHECKING:
    from tools.evaluation.coco import CocoScore


def coco(
    gt: Annotated[Path, typer.Option(help="COCO annotation file.")],
    detections: Annotated[
        list[str], typer.Option(help="COCO results file, or name=file; may be repeated.")
    ],
    class_: Annotated[
        list[str] | None, typer.Option("--class", help="Score only this category; may be repeated.")
    ] = None,
    json_: Json = None,
    csv: Csv = None,
) -> None:
    """Single images: AP, AP50, AP70 and AP by size, computed by pycocotools."""
    from stages.atomic import write_atomically
    from tools.console.text_formats import as_csv
    from tools.evaluation.coco import score_coco
    from tools.evaluation.protocol import CLASSES_AS_ONE, classes_wording, coco_protocol
    from tools.evaluation.tables import by_entry_as_json

    files = [named(text) for text in detections]
    refuse_same({"--json": json_, "--csv": csv})
    refuse_inputs([json_, csv], [gt, *(path for _, path in files)])
    if len(files) > 1:
        files = [(name or path.stem, path) for name, path in files]
    check_names([name for name, _ in files])
    with activity("reading and scoring"):
        found = {name: score_coco(gt, path, class_ or []) for name, path in files}
    _warn_of_files(gt, {path: found[name] for name, path in files})
    scores = {name: score.scores for name, score in found.items()}
    as_one = {name for name, score in found.items() if score.why_as_one}
    classes = classes_wording(class_ or []) + ", but for rows with classes as one" * bool(as_one)
    groups = {
        name: {
            "protocol": coco_protocol(gt, path, class_ or [], found[name]),
            "overall": {"detection": scores[name]},
        }
        for name, path in files
    }
    lines = [
        {
            "benchmark": "coco",
            "name": name,
            "classes": CLASSES_AS_ONE if name in as_one else classes_wording(class_ or []),
            **row,
        }
        for name, row in scores.items()
    ]
    try:
        if json_ is not None:
            write_atomically(json_, by_entry_as_json(groups))
        if csv is not None:
            write_atomically(csv, as_csv(lines))
    finally:
        wide_console().print(_table(found))
        typer.echo(f"coco; IoU: AP and AP by size 0.5 to 0.95; all images pooled, {classes}")


def _warn_of_files(gt: Path, found: Mapping[Path, CocoScore]) -> None:
    """Warns about what COCO results files lack or have too much of, and about ignored boxes."""
    from stages.wording import counted
    from tools.evaluation.coco import MAX_DETECTIONS

    for path, score in found.items():
        if score.why_as_one:
            typer.echo(f"all classes as one: {score.why_as_one}", err=True)
        if score.undetected:
            typer.echo(
                f"{path}: no detection in {score.undetected} of {score.images} images with true "
                f"boxes; all boxes in these count as missed",
                err=True,
            )
        if score.overfull:
            typer.echo(
                f"{path}: more than {MAX_DETECTIONS} detections of a class in "
                f"{counted(score.overfull, 'image')}; the best {MAX_DETECTIONS} count, as in COCO",
                err=True,
            )
    if ignored := max(score.ignored for score in found.values()):
        typer.echo(
            f"{gt}: {counted(ignored, 'box', 'boxes')} with ignore: crowds here, but for "
            f"pycocotools itself objects to be found",
            err=True,
        )


def _table(found: Mapping[str, CocoScore]) -> Table:
    """Returns a row of scores for each name; a single one needs no label."""
    from tools.evaluation.tables import shown

    labels = {
        name: f"{name} (classes as one)".strip() if score.why_as_one else name
        for name, score in found.items()
    }
    is_labelled = [*labels.values()] != [""]
    table = Table(*([""] if is_labelled else []), *next(iter(found.values())).scores)
    for name, label in labels.items():
        cells = [shown(column, value) for column, value in found[name].scores.items()]
        table.add_row(*([label] if is_labelled else []), *cells)
    return table
