"""Scores as one self-contained HTML page."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from stages.atomic import write_atomically
from stages.extras import require
from stages.wording import counted
from tools.annotations.trajectories import Trajectories
from tools.evaluation.benchmark import EntryScore
from tools.evaluation.curves import draw_curves
from tools.evaluation.moments import Moment, boxes_by_outcome, worst_moments
from tools.evaluation.protocol import ScoringProtocol
from tools.evaluation.sequence import SequenceScore
from tools.evaluation.tables import score_tables

PAGE = "report.html"
MOMENTS, MOMENTS_OF_SEVERAL = 9, 3  # for a single entry; for each of several
OUTCOMES = {
    "matched": 'stroke="#2a9d2a" stroke-width="2"',
    "missed": 'stroke="#1f77b4" stroke-dasharray="6 3" stroke-width="2"',
    "false": 'stroke="#d62728" stroke-width="2"',
    "switched": 'stroke="#ff7f0e" stroke-width="4"',
}


def write_report(folder: Path, scores: Sequence[EntryScore], protocol: ScoringProtocol) -> Path:
    """Writes ``report.html`` into ``folder``: tables, curves, errors over time, worst moments.

    Args:
        folder: Folder of the page; created if missing.
        scores: Scores of the entries.
        protocol: How, and on which sequences, they were scored.

    Returns:
        Path of the page.

    Raises:
        ConfigError: matplotlib or jinja2 is not installed.
        OutputError: The page cannot be written.
    """
    jinja2 = require("jinja2", "evaluate", "--report")
    require("matplotlib", "evaluate", "--report")
    template = jinja2.Environment(autoescape=True, trim_blocks=True).from_string(
        Path(__file__).with_name("report.html.jinja").read_text(encoding="utf-8")
    )
    by_name = {score.entry.name: score for score in scores}
    by_sequence = {truth.name: truth.tracks for truth in protocol.truths}
    page = template.render(
        title=" and ".join(name for name in by_name if name) or "Evaluation",
        entries=[score.entry.description for score in scores],
        sequences=len(protocol.truths),
        frames=sum(truth.frame_count for truth in protocol.truths),
        ground_truth=protocol.ground_truth,
        protocol=protocol.summary(scores),
        tables=score_tables(scores),
        figures=draw_curves(scores),
        moments=[
            {
                "svg": _frame_svg(
                    by_sequence[moment.sequence],
                    by_name[moment.entry].sequences[moment.sequence],
                    moment.worst,
                ),
                "caption": _caption(moment),
            }
            for score in scores
            for moment in worst_moments(score, MOMENTS if len(scores) == 1 else MOMENTS_OF_SEVERAL)
        ],
    )
    write_atomically(folder / PAGE, page)
    return folder / PAGE


def _frame_svg(truth: Trajectories, score: SequenceScore, frame: int) -> str:
    assert score.tracks is not None
    whole = np.concatenate((truth.boxes, score.tracks.boxes))
    width, height = whole[:, 2:].max(axis=0, initial=1.0)
    rectangles = [
        f'<rect x="{left:.1f}" y="{top:.1f}" width="{right - left:.1f}" '
        f'height="{bottom - top:.1f}" fill="none" {OUTCOMES[outcome]}/>'
        for outcome, boxes in boxes_by_outcome(truth, score, frame).items()
        for left, top, right, bottom in boxes
    ]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}">'
        + "".join(rectangles)
        + "</svg>"
    )


def _caption(moment: Moment) -> str:
    entry = f"{moment.entry}, " if moment.entry else ""
    return (
        f"{entry}{moment.sequence}, frames {moment.first + 1} to {moment.last + 1}: "
        f"{counted(moment.false_positives, 'false positive')}, "
        f"{counted(moment.false_negatives, 'miss', 'misses')}, "
        f"{counted(moment.id_switches, 'id switch', 'id switches')}; frame {moment.worst + 1}"
    )
