"""The options that benches share, and how their reports are shown and saved."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from tools.bench.figures import BenchReport
from tools.bench.plot import check_plot, plot_reports
from tools.commands.options import refuse_same, writable
from tools.console.terminal import activity, wide_console

Peers = Annotated[
    Path | None,
    typer.Option(help="Also measure third-party packages, in environments created in this folder."),
]
Rounds = Annotated[int, typer.Option(min=1, help="Number of rounds, each measuring all in turn.")]
Json = Annotated[
    Path | None, typer.Option("--json", help="JSON file for all figures.", callback=writable)
]
Plot = Annotated[
    Path | None, typer.Option(help="Plot of all ratios: .png, .svg or .pdf.", callback=writable)
]


def check_outputs(json_: Path | None, plot: Path | None) -> None:
    """Checks that both files can be written, before hours are spent measuring.

    Raises:
        ConfigError: They are the same file; or see `check_plot`.
    """
    refuse_same({"--json": json_, "--plot": plot})
    check_plot(plot)


def show(
    run: Callable[[Callable[[str], None]], Sequence[BenchReport]],
    json_: Path | None,
    plot: Path | None,
) -> None:
    """Runs benches, prints their reports, and saves them in the files ``json_`` and ``plot``."""
    check_outputs(json_, plot)
    with activity("starting") as update:
        reports = run(update)
    try:
        save(reports, json_, plot)
    finally:
        for report in reports:
            wide_console().print(_figures_table(report))
            if report.ratios:
                wide_console().print(_ratios_table(report))


def save(reports: Sequence[BenchReport], json_: Path | None, plot: Path | None) -> None:
    """Saves reports in the requested files, with the machine's core count and load."""
    from stages.atomic import write_atomically
    from tools.console.text_formats import as_json

    if json_ is not None:
        machine = {"cores": os.cpu_count(), "load": os.getloadavg()}
        content = {"machine": machine, "benches": [report.as_json() for report in reports]}
        write_atomically(json_, as_json(content))
    if plot is not None:
        plot_reports(reports, plot)


def _figures_table(report: BenchReport) -> Table:
    """Returns the median and spread of each figure."""
    table = Table(report.bench, "unit", "median", "spread")
    for figure in report.figures:
        low, high = figure.spread
        table.add_row(figure.name, figure.unit, f"{figure.median:.4g}", f"{low:.4g}–{high:.4g}")
    return table


def _ratios_table(report: BenchReport) -> Table:
    """Returns the median and spread of each ratio, and its target."""
    table = Table("ratio", "of", "median", "spread", "aim")
    for asked, ratio in report.ratios:
        low, high = ratio.spread
        aim = "" if asked.aim is None else f"≥ {asked.aim:.3g}"
        aim += "" if asked.limit is None else f"≤ {asked.limit:.3g}"
        name = f"{asked.name} / {asked.to}"
        table.add_row(name, asked.unit, f"{ratio.median:.3g}", f"{low:.3g}–{high:.3g}", aim)
    return table
