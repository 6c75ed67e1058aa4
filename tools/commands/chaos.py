"""``spotstream chaos``: the pipeline under faults."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from tools.terminal import wide_console


def chaos(
    short: Annotated[bool, typer.Option(help="Each fault a few times only.")] = False,
) -> None:
    """Do the pipeline harm, and see that it lives up to its promises."""
    from tools.chaos import run_chaos

    table = Table("fault", "times", "result", "")
    failed = 0
    for outcome in run_chaos(short=short):
        mark = {True: "as promised", False: "BROKEN", None: "not tried"}[outcome.passed]
        failed += outcome.passed is False
        table.add_row(outcome.fault, f"{outcome.times:,}", outcome.result, mark)
        Console(stderr=True).print(f"{outcome.fault}: {outcome.result}: {mark}", highlight=False)
    wide_console().print(table)
    raise typer.Exit(1 if failed else 0)
