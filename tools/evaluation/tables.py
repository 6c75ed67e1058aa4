"""Scores as tables for the terminal, as CSV and as JSON."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rich import box
from rich.table import Table

from tools.console.text_formats import as_csv, as_json
from tools.evaluation.benchmark import EntryScore, scores_of
from tools.evaluation.protocol import ScoringProtocol

GROUPS = {"detection": "Detection", "tracking": "Tracking", "pr": "Detection and tracking (PR)"}
COUNTS = {
    *("TP", "FP", "FN", "IDS", "Frag", "MT", "PT", "ML"),
    *("PR-IDS", "PR-FRAG", "PR-FP", "PR-FN"),
}
# Few enough columns for a terminal 80 characters wide.
TRACKING_TABLES = {
    "Tracking": ("HOTA", "DetA", "AssA", "LocA", "MOTA", "MOTP", "IDF1", "IDP", "IDR"),
    "Tracking, counts": ("TP", "FP", "FN", "IDS", "Frag", "MT", "PT", "ML"),
}


@dataclass(frozen=True, slots=True)
class ScoreTable:
    """A human-readable table: fractions in percent, counts as they are.

    Attributes:
        title: Title of the table.
        columns: Names of the scores.
        rows: Name and cells of each row.
        has_total: Whether the last row combines all sequences.
    """

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, tuple[str, ...]], ...]
    has_total: bool = False


def score_tables(scores: Sequence[EntryScore]) -> list[ScoreTable]:
    """Returns tables of a single entry, by sequence and overall, or of several entries."""
    has_total = len(scores) == 1 and len(scores[0].sequences) > 1
    if len(scores) > 1:
        rows = [(score.entry.name, score.overall) for score in scores]
    else:
        rows = [(name, scores_of([each])) for name, each in scores[0].sequences.items()]
        if has_total:
            rows.append(("overall", scores[0].overall))
    tables = []
    for group, title in GROUPS.items():
        names = tuple(dict.fromkeys(name for _, row in rows for name in row.get(group, {})))
        parts = TRACKING_TABLES if group == "tracking" else {title: names}
        for part, columns in parts.items():
            if names:
                cells = (
                    (label, tuple(shown(name, row.get(group, {}).get(name)) for name in columns))
                    for label, row in rows
                )
                tables.append(ScoreTable(part, columns, tuple(cells), has_total))
    return tables


def terminal_table(table: ScoreTable) -> Table:
    """Renders the table for a terminal."""
    drawn = Table(
        title=table.title,
        title_justify="left",
        box=box.SIMPLE_HEAD,
        show_edge=False,
        padding=(0, 1, 0, 0),
    )
    drawn.add_column("", overflow="fold")
    for column in table.columns:
        drawn.add_column(column.removeprefix("PR-"), justify="right", no_wrap=True)
    for label, cells in table.rows:
        drawn.add_row(label, *cells)
    return drawn


def shown(name: str, value: float | None) -> str:
    """Formats a score: percent with two decimals, or a count; – if there is none."""
    if value is None or math.isnan(value):
        return "–"
    if name in COUNTS:
        return f"{value:.0f}" if float(value).is_integer() else f"{value:.1f}"
    return f"{100 * value:.2f}"


def to_json(scores: Sequence[EntryScore], protocol: ScoringProtocol) -> str:
    """Returns ``protocol``, ``overall`` and ``sequences``, by entry unless the only one is unnamed.

    Scores are fractions and counts, ``null`` if there is nothing to score.
    """
    return by_entry_as_json(
        {
            score.entry.name: {
                "protocol": protocol.of(score),
                "overall": score.overall,
                "sequences": {name: scores_of([each]) for name, each in score.sequences.items()},
            }
            for score in scores
        }
    )


def by_entry_as_json(by_name: Mapping[str, object]) -> str:
    """Like `to_json`, for scores by name of the entry."""
    return as_json(by_name[""] if list(by_name) == [""] else by_name)


def to_csv(scores: Sequence[EntryScore], protocol: ScoringProtocol) -> str:
    """Returns one line per entry and sequence, and one per entry overall, as ``scope`` says."""
    lines = []
    for score in scores:
        parts = {name: scores_of([each]) for name, each in score.sequences.items()}
        rows = [("sequence", name, groups) for name, groups in parts.items()]
        for scope, sequence, groups in [*rows, ("overall", "overall", score.overall)]:
            lines.append(
                {
                    "benchmark": protocol.benchmark,
                    "name": score.entry.name,
                    "scope": scope,
                    "sequence": sequence,
                }
                | {
                    f"{g}.{key}": value
                    for g, group in groups.items()
                    for key, value in group.items()
                }
            )
    return as_csv(lines)
