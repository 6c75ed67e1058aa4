"""``spotstream train``: trains SpotNet on images and boxes."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from stages.wording import counted
from tools.commands.options import Overrides


def train(
    config: Annotated[Path, typer.Argument(help="Training config (YAML); see configs/train/.")],
    set_: Overrides = None,
    overwrite: Annotated[
        bool, typer.Option(help="Start over even if the output folder holds a checkpoint.")
    ] = False,
) -> None:
    """Train SpotNet; an interrupted run resumes where it stopped.

    On several GPUs: torchrun --nproc-per-node 4 -m tools.main train CONFIG.
    """
    from tools.training.config import load_training_config
    from tools.training.trainer import BEST
    from tools.training.trainer import train as train_model

    logging.basicConfig(level=logging.INFO, format="%(message)s")
    result = train_model(load_training_config(config, set_ or []), overwrite=overwrite)
    if not result.complete:
        if result.leads:
            typer.echo(f"stopped after step {result.steps}; run the same command to resume")
        raise typer.Exit(130)
    if not result.leads:
        return
    steps = counted(result.steps, "step")
    table = Table(f"scenes not trained on, after {steps}", "AP50", "AP70")
    for name, scores in result.scores.items():
        table.add_row(escape(name), f"{scores['AP50']:.3f}", f"{scores['AP70']:.3f}")
    if result.scores:
        Console().print(table)
    which = "best weights of" if result.weights.name == BEST else "weights after"
    typer.echo(f"{result.weights}: {which} {steps}")
