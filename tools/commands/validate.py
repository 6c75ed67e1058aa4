"""``spotstream validate``: scores weights on the scenes that a training config holds out."""

from __future__ import annotations

from math import isnan
from pathlib import Path
from typing import Annotated

import typer
from rich import box
from rich.table import Column, Table

from stages.detector.shipped import SHIPPED
from tools.commands.options import (
    Overrides,
    TrainingConfigFile,
    Weights,
    refuse_inputs,
    writable,
)
from tools.console.terminal import wide_console


def validate(
    config: TrainingConfigFile,
    weights: Weights = None,
    scale: Annotated[
        float | None,
        typer.Option(min=0.05, max=4, help="Input scale. Default: the config's or the weights'."),
    ] = None,
    set_: Overrides = None,
    json_: Annotated[
        Path | None, typer.Option("--json", help="JSON file for the scores.", callback=writable)
    ] = None,
) -> None:
    """Score weights on the scenes that a training config holds out.

    The table has no rows of scenes where each has a single image; --json has them.
    """
    from stages.atomic import write_atomically
    from tools.console.text_formats import as_json
    from tools.training.config import load_training_config
    from tools.training.held_out import score_held_out

    refuse_inputs([json_], [config, weights])
    data_sets = score_held_out(load_training_config(config, set_ or []), weights, scale)
    table = Table(Column("scenes", overflow="fold"), box=box.SIMPLE, padding=(0, 1, 0, 0))
    for column in ("images", "boxes", *data_sets[0][0].scores):
        table.add_column(column, justify="right", no_wrap=True)
    for groups in data_sets:
        single = all(group.images == 1 for group in groups if group.is_scene)
        for group in groups:
            if single and group.is_scene:
                continue
            values = ("" if isnan(value) else f"{value:.3f}" for value in group.scores.values())
            table.add_row(group.name, str(group.images), str(group.boxes), *values)
        table.add_section()
    default = f"{SHIPPED[0]}, which ships; --weights FILE scores others"
    scores = {group.name: group.scores for groups in data_sets for group in groups}
    try:
        if json_ is not None:
            write_atomically(json_, as_json(scores))
    finally:
        wide_console().print(table)
        typer.echo(f"weights: {weights or default}")
        typer.echo(
            "recall: of vehicles of 16 px and more, at 0.5 false alarms an image; "
            "then AP50 by size, the root of a box's area in pixels"
        )
