"""``spotstream train``: trains SpotNet on images and boxes."""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from stages.wording import counted
from tools.commands.options import Overrides, TrainingConfigFile
from tools.console.interruption import end_stopped
from tools.console.standard_streams import lossy
from tools.console.terminal import wide_console
from tools.training.torchrun import bound_to_torchrun, is_first

if TYPE_CHECKING:
    from tools.training.trainer import TrainingResult


def train(
    config: TrainingConfigFile,
    set_: Overrides = None,
    overwrite: Annotated[
        bool,
        typer.Option(help="Start over even if the output folder holds a checkpoint or weights."),
    ] = False,
) -> None:
    """Train SpotNet; an interrupted run resumes where it stopped.

    On several GPUs: torchrun --shutdown-timeout 600 --nproc-per-node 4 -m tools.main train CONFIG.
    After Ctrl-C, torchrun would otherwise kill a step that takes longer than 30 seconds.
    """
    with bound_to_torchrun():
        from tools.training.config import load_training_config
        from tools.training.state import BEST, CHECKPOINT
        from tools.training.trainer import train as train_model

        # Progress is the same in all processes, but each has its own warnings.
        logging.basicConfig(
            level=logging.INFO if is_first() else logging.WARNING, format="%(message)s"
        )
        settings = load_training_config(config, set_ or [])
        result = train_model(settings, overwrite=overwrite)
    if not result.complete:
        if result.leads:
            message = f"stopped after step {result.steps}; run the same command to resume"
            print(message, file=lossy(sys.stdout))  # Ctrl-C also ends its reader
        end_stopped()
    if not result.leads:
        return
    steps = counted(result.steps, "step")
    if result.steps > settings.steps:
        checkpoint = settings.output / CHECKPOINT
        typer.echo(f"nothing to do: {checkpoint} has {steps}, more than steps: {settings.steps}")
        return
    which = f"weights after {steps}"
    if result.weights.name == BEST:
        which = f"best weights, after step {result.best_step} of {result.steps}"
        if result.best_step == 0:
            which = f"initial weights, which {steps} did not improve"
    mean = ", mean over classes" if len(settings.classes) > 1 else ""
    table = Table("scenes not trained on", "weights", f"AP50{mean}", f"AP70{mean}")
    for weights, scores in _scored(result).items():
        for name, each in scores.items():
            table.add_row(name, weights, f"{each['AP50']:.3f}", f"{each['AP70']:.3f}")
    if table.rows:
        wide_console().print(table)
    typer.echo(f"{result.weights}: {which}")


def _scored(result: TrainingResult) -> dict[str, dict[str, dict[str, float]]]:
    """Returns the scores of the best and of the last weights, by the name of the weights."""
    if result.best_scores and result.best_step == result.steps:
        return {f"best and last, step {result.steps}": result.best_scores}
    return {
        f"best, step {result.best_step}": result.best_scores,
        f"last, step {result.steps}": result.scores,
    }
