"""Plots the ratios of benches."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from stages.atomic import replacing
from stages.errors import ConfigError
from stages.extras import require
from tools.bench.figures import BenchReport

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_SUFFIXES = (".png", ".svg", ".pdf")


def check_plot(path: Path | None) -> None:
    """Checks that a plot can be drawn, before hours are spent on measuring.

    Raises:
        ConfigError: The suffix is not supported, or Matplotlib is missing.
    """
    if path is None:
        return
    if path.suffix.lower() not in _SUFFIXES:
        raise ConfigError(f"--plot must end in {', '.join(_SUFFIXES)}, got {path}")
    require("matplotlib", "evaluate", "--plot")


def plot_reports(reports: Sequence[BenchReport], path: Path) -> None:
    """Draws all ratios on one logarithmic scale: median, spread and target.

    Raises:
        ConfigError: There is no ratio, or as for `check_plot`.
        OutputError: The file cannot be written.
    """
    check_plot(path)
    from matplotlib.figure import Figure
    from matplotlib.ticker import AutoLocator, FuncFormatter, LogLocator, NullFormatter

    rows = [(report.bench, *ratio) for report in reports for ratio in report.ratios]
    if not rows:
        raise ConfigError("--plot shows ratios, and none was measured")
    figure = Figure(figsize=(9, 1.2 + 0.32 * len(rows)), dpi=150, layout="constrained")
    axes = figure.subplots()
    colors = {report.bench: f"C{number}" for number, report in enumerate(reports)}
    for row, (bench, request, ratio) in enumerate(rows):
        low, high = ratio.spread
        axes.plot([low, high], [row, row], color=colors[bench], linewidth=2)
        axes.plot(ratio.median, row, "o", color=colors[bench])
        for bound, marker in ((request.aim, ">"), (request.limit, "<")):
            if bound is not None:
                axes.plot(bound, row, marker, color="black", zorder=3)
    labels = [
        f"{bench}: {request.name} / {request.to}, {request.unit}" for bench, request, _ in rows
    ]
    axes.set_yticks(range(len(rows)), labels, fontsize=8)
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.axvline(1, color="gray", linewidth=0.8)
    axes.set_xscale("log")
    low, high = axes.get_xlim()
    axes.xaxis.set_major_locator(AutoLocator() if high < 5 * low else LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.tick_params(axis="x", labelsize=8)
    caption = "ratio: median and spread of the rounds; aimed at: at least ▶, at most ◀"
    figure.supxlabel(caption, fontsize=9)
    save_figure(figure, path)


def save_figure(figure: Figure, path: Path) -> None:
    """Writes a figure atomically, in the format of the file's suffix.

    Raises:
        OutputError: The file cannot be written.
    """
    with replacing(path) as part:
        figure.savefig(part, format=path.suffix[1:].lower())
