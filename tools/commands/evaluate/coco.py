"""``spotstream evaluate coco``."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from tools.commands.evaluate.entries import check_names, named
from tools.commands.evaluate.output import Csv, Json
from tools.terminal import wide_console


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
    from tools.evaluation.coco import score_coco
    from tools.evaluation.tables import as_csv, as_json, shown

    files = [named(text) for text in detections]
    if len(files) > 1:
        files = [(name or path.stem, path) for name, path in files]
    check_names([name for name, _ in files])
    tell = partial(typer.echo, err=True)
    scores = {name: score_coco(gt, path, class_ or [], tell) for name, path in files}
    named_rows = len(scores) > 1 or "" not in scores
    table = Table(*([""] if named_rows else []), *next(iter(scores.values())))
    for name, row in scores.items():
        cells = [shown(column, value) for column, value in row.items()]
        table.add_row(*([name] if named_rows else []), *cells)
    wide_console().print(table)
    if json_ is not None:
        groups = {name: {"overall": {"detection": row}} for name, row in scores.items()}
        write_atomically(json_, as_json(groups))
    if csv is not None:
        write_atomically(csv, as_csv([{"name": name, **row} for name, row in scores.items()]))
