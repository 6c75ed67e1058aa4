"""Output of scores: the terminal, files, an HTML page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tools.commands.ground_truth import warn_of_missing
from tools.commands.options import writable
from tools.console.terminal import wide_console

if TYPE_CHECKING:
    from tools.evaluation.benchmark import EntryScore
    from tools.evaluation.pr_protocol import PrPoint
    from tools.evaluation.protocol import ScoringProtocol

Json = Annotated[
    Path | None, typer.Option("--json", help="JSON file for all scores.", callback=writable)
]
Csv = Annotated[
    Path | None, typer.Option("--csv", help="CSV file for all scores.", callback=writable)
]


@dataclass(frozen=True, slots=True)
class Output:
    """Outputs for scores besides the tables on the terminal.

    Attributes:
        json: JSON file for all scores, or None.
        csv: CSV file for all scores, or None.
        report: Folder for an HTML page, or None.
        check: Whether to compare the scores with TrackEval's.
    """

    json: Path | None
    csv: Path | None
    report: Path | None
    check: bool

    def write(self, scores: Sequence[EntryScore], protocol: ScoringProtocol) -> None:
        """Writes the requested outputs and prints the scores, even if writing fails.

        Raises:
            ConfigError: A package that the page or the comparison needs is not installed.
            OutputError: A file cannot be written.
            SpotStreamError: TrackEval's scores differ.
        """
        try:
            page = self._write_files(scores, protocol)
        finally:
            self._show(scores, protocol)
        if page is not None:
            typer.echo(f"report: {page}")
        if self.check:
            from tools.evaluation.reference import check_by_trackeval

            for line in check_by_trackeval(scores, protocol.truths, protocol.iou_threshold):
                typer.echo(line)

    def _show(self, scores: Sequence[EntryScore], protocol: ScoringProtocol) -> None:
        from tools.evaluation.tables import score_tables, terminal_table

        console = wide_console()
        for table in score_tables(scores):
            console.print(terminal_table(table))
        for score in scores:
            typer.echo(score.entry.description)
        typer.echo(protocol.summary(scores))
        warn_of_missing(protocol.ground_truth, protocol.missing_files(scores))
        _show_file_warnings(scores)
        for score in scores:
            _warn_of_incomplete_runs(score)
            _explain_pr_scores(score)
            _warn_of_weak_detections(score)

    def _write_files(self, scores: Sequence[EntryScore], protocol: ScoringProtocol) -> Path | None:
        """Writes the requested files; returns the HTML page if it is one of them."""
        from stages.atomic import write_atomically
        from tools.evaluation.tables import to_csv, to_json

        if self.json is not None:
            write_atomically(self.json, to_json(scores, protocol))
        if self.csv is not None:
            write_atomically(self.csv, to_csv(scores, protocol))
        if self.report is None:
            return None
        from tools.evaluation.report import write_report

        return write_report(self.report, scores, protocol)


def _show_file_warnings(scores: Sequence[EntryScore]) -> None:
    """Warns about files that may have another meaning, once for all trackers that share them."""
    from stages.detector.file_warnings import warnings_of_files

    sequences = [each for score in scores for each in score.sequences.values()]
    by_file = {each.file: each.warnings for each in sequences if each.file is not None}
    for warning in warnings_of_files(by_file.items()):
        typer.echo(warning, err=True)


def _warn_of_incomplete_runs(score: EntryScore) -> None:
    """Warns about sequences that a run processed only in part."""
    if score.incomplete:
        names = ", ".join(f"{name} ({status})" for name, status in score.incomplete.items())
        typer.echo(
            f"{score.entry.label}scored as if complete, though the run was not: {names}; vehicles "
            f"in the missing frames count as missed",
            err=True,
        )


def _explain_pr_scores(score: EntryScore) -> None:
    """Explains why a tracked entry or its sequences have no PR scores, or only zeros."""
    entry = score.entry
    beyond = [name for name, each in score.sequences.items() if not each.points]
    if entry.tracker is not None and entry.judged and beyond:
        overall = "overall " if len(beyond) < len(score.sequences) else ""
        typer.echo(
            f"{entry.label}no {overall}PR scores: detections of {', '.join(beyond)} have "
            f"scores outside 0 to 1, the range of the protocol's thresholds",
            err=True,
        )
    undivided = [name for name, each in score.sequences.items() if _undivided(each.points)]
    if undivided:
        of = "" if _undivided(score.points) else f" of {', '.join(undivided)}"
        typer.echo(
            f"{entry.label}PR scores{of} are 0: no threshold of the protocol divides the "
            f"detections by their scores, so that the precision-recall line has no length",
            err=True,
        )


def _undivided(points: Sequence[PrPoint]) -> bool:
    return len({point.detections for point in points if point.detections}) == 1


def _warn_of_weak_detections(score: EntryScore) -> None:
    """Warns if many of the detections that SORT tracked are noise."""
    from tools.evaluation.detection import DetectionResult
    from tools.tracking.weak_detections import keeps_weak, warning_of_weak

    tracker = score.entry.tracker
    if tracker is None or not keeps_weak(tracker.name, tracker.settings):
        return
    judged = (each for one in score.sequences.values() for each in one.detection.values())
    scores = DetectionResult.combined(judged).scores
    warning = warning_of_weak(scores, "--tracker detrac|uavdt|intersection|uav")
    if warning is not None:
        typer.echo(f"{score.entry.label}{warning}", err=True)
