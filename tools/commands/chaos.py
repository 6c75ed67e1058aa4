"""``spotstream chaos``: the pipeline under faults."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.table import Table

from tools.console.terminal import wide_console


def chaos(
    short: Annotated[bool, typer.Option(help="Inject each fault only a few times.")] = False,
) -> None:
    """Inject faults into the pipeline and check that it keeps its promises."""
    from tools.chaos import all_faults, run_chaos

    table = Table("fault", "times", "result", "")
    broken = False
    for name, outcome in run_chaos(all_faults(short=short), _announce):
        mark = {True: "as promised", False: "BROKEN", None: "not tried"}[outcome.passed]
        broken |= outcome.passed is False
        table.add_row(name, f"{outcome.times:,}", outcome.result, mark)
        typer.echo(f"{name}: {outcome.result}: {mark}", err=True)
    wide_console().print(table)
    raise typer.Exit(1 if broken else 0)


def _announce(name: str) -> None:
    typer.echo(f"{name} …", err=True)
