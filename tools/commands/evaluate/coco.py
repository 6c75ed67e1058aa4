"""``spotstream evaluate coco``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tools.commands.evaluate.entries import check_names, named
from tools.commands.evaluate.output import Csv, Json
from tools.commands.options import refuse_inputs, refuse_same
from tools.console.terminal import activity, wide_console


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
    from rich.table import Table

    from stages.atomic import write_atomically
    from stages.wording import counted
    from tools.console.text_formats import as_csv
    from tools.evaluation.coco import MAX_DETECTIONS, score_coco
    from tools.evaluation.protocol import CLASSES_AS_ONE, classes_wording, coco_protocol
    from tools.evaluation.tables import by_entry_as_json, shown

    files = [named(text) for text in detections]
    refuse_same({"--json": json_, "--csv": csv})
    refuse_inputs([json_, csv], [gt, *(path for _, path in files)])
    if len(files) > 1:
        files = [(name or path.stem, path) for name, path in files]
    check_names([name for name, _ in files])
    with activity("reading and scoring"):
        found = {name: score_coco(gt, path, class_ or []) for name, path in files}
    for name, path in files:
        if why := found[name].why_as_one:
            typer.echo(f"all classes as one: {why}", err=True)
        if undetected := found[name].undetected:
            typer.echo(
                f"{path}: no detection in {undetected} of {found[name].images} images with true "
                f"boxes; all boxes in these count as missed",
                err=True,
            )
        if overfull := found[name].overfull:
            typer.echo(
                f"{path}: more than {MAX_DETECTIONS} detections of a class in "
                f"{counted(overfull, 'image')}; the best {MAX_DETECTIONS} count, as in COCO",
                err=True,
            )
    if ignored := max(score.ignored for score in found.values()):
        typer.echo(
            f"{gt}: {counted(ignored, 'box', 'boxes')} with ignore: crowds here, but for "
            f"pycocotools itself objects to be found",
            err=True,
        )
    scores = {name: score.scores for name, score in found.items()}
    as_one = {name for name, score in found.items() if score.why_as_one}
    named_rows = len(scores) > 1 or "" not in scores or bool(as_one)
    table = Table(*([""] if named_rows else []), *next(iter(scores.values())))
    for name, row in scores.items():
        cells = [shown(column, value) for column, value in row.items()]
        label = f"{name} (classes as one)".strip() if name in as_one else name
        table.add_row(*([label] if named_rows else []), *cells)
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
        wide_console().print(table)
        typer.echo(f"coco; IoU: AP and AP by size 0.5 to 0.95; all images pooled, {classes}")
