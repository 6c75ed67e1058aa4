"""Scores as tables for the terminal, as CSV and as JSON."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Sequence

from rich import box
from rich.table import Table

from tools.evaluation.benchmark import EntryScore, Scores, scores_of

GROUPS = {"detection": "Detection", "tracking": "Tracking", "pr": "Detection and tracking (PR)"}
COUNTS = {
    *("TP", "FP", "FN", "IDS", "Frag", "MT", "PT", "ML"),
    *("PR-IDS", "PR-FRAG", "PR-FP", "PR-FN"),
}
HIDDEN = {"DetRe", "DetPr", "AssRe", "AssPr", "LocA", "IDP", "IDR", "TP", "PT"}  # on a terminal


def table_rows(scores: Sequence[EntryScore]) -> list[tuple[str, Scores]]:
    """What a table shows: the sequences of one entry and all together, or each of several."""
    if len(scores) > 1:
        return [(score.entry.name, score.overall) for score in scores]
    sequences = scores[0].sequences
    rows = [(name, scores_of([score])) for name, score in sequences.items()]
    return [*rows, ("overall", scores[0].overall)] if len(rows) > 1 else rows


def terminal_tables(scores: Sequence[EntryScore]) -> list[Table]:
    """One table for each group of scores: fractions in percent, counts as they are."""
    rows = table_rows(scores)
    tables = []
    for group, title in GROUPS.items():
        names = dict.fromkeys(
            name for _, row in rows for name in row.get(group, {}) if name not in HIDDEN
        )
        if not names:
            continue
        table = Table(
            title=title,
            title_justify="left",
            box=box.SIMPLE_HEAD,
            show_edge=False,
            padding=(0, 1, 0, 0),  # all columns fit into a terminal of 80
        )
        table.add_column("")
        for name in names:
            header = name.removeprefix("PR-") if group == "pr" else name
            table.add_column(header, justify="right", no_wrap=True)
        for label, row in rows:
            table.add_row(label, *(shown(name, row.get(group, {}).get(name)) for name in names))
        tables.append(table)
    return tables


def shown(name: str, value: float | None) -> str:
    """A score as people read it: percent with two decimals, or a count."""
    if value is None or math.isnan(value):
        return "–"
    if name in COUNTS:
        return f"{value:.0f}" if float(value).is_integer() else f"{value:.1f}"
    return f"{100 * value:.2f}"


def to_json(scores: Sequence[EntryScore]) -> str:
    """``overall`` and ``sequences``; by name where there are several entries or one has a name.

    Scores are fractions and counts, ``null`` where there is nothing to score.
    """
    content: object = {score.entry.name: score.to_json() for score in scores}
    if len(scores) == 1 and not scores[0].entry.name:
        content = scores[0].to_json()
    return json.dumps(_without_nan(content), indent=2) + "\n"


def to_csv(scores: Sequence[EntryScore]) -> str:
    """One line for each entry and sequence, and one for all sequences of the entry."""
    lines = []
    for score in scores:
        parts = {name: scores_of([each]) for name, each in score.sequences.items()}
        for sequence, groups in [*parts.items(), ("overall", score.overall)]:
            lines.append(
                {"name": score.entry.name, "sequence": sequence}
                | {
                    f"{g}.{key}": value
                    for g, group in groups.items()
                    for key, value in group.items()
                }
            )
    text = io.StringIO()
    writer = csv.DictWriter(text, dict.fromkeys(key for line in lines for key in line))
    writer.writeheader()
    writer.writerows(lines)
    return text.getvalue()


def _without_nan(value: object) -> object:
    if isinstance(value, dict):
        return {key: _without_nan(each) for key, each in value.items()}
    return None if isinstance(value, float) and math.isnan(value) else value
