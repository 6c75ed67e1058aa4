"""Score curves as SVG."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tools.evaluation.benchmark import EntryScore
from tools.evaluation.detection import DetectionResult
from tools.evaluation.hota import ALPHAS
from tools.evaluation.pr_protocol import PR_IOU, THRESHOLDS
from tools.evaluation.sequence import DETECTION_IOUS
from tools.evaluation.tracking import total

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

CURVE_POINTS = 400  # per precision-recall curve; more enlarge the page without a visible difference
MAX_PANELS = 24  # of errors over time, for the sequences with the most errors
COLORS = {"false positives": "#d62728", "false negatives": "#1f77b4", "id switches": "#ff7f0e"}


@dataclass(frozen=True, slots=True)
class Drawing:
    """A figure with its title and caption."""

    title: str
    svg: str
    caption: str


def draw_curves(scores: Sequence[EntryScore]) -> list[Drawing]:
    """Draws precision-recall, PR-MOTA, HOTA and errors over time, if there are scores for them."""
    drawings = (_precision_recall(scores), _protocol(scores), _hota(scores), _errors(scores))
    return [drawing for drawing in drawings if drawing is not None]


def _label(score: EntryScore) -> str:
    return _plain(score.entry.name) or "all sequences"


def _detector_label(score: EntryScore) -> str:
    """Returns the name of the detections, without the tracker that runs on them."""
    entry = score.entry
    if entry.tracker is None or entry.source:
        return _plain(entry.source) or _label(score)
    return _plain(entry.folder.resolve().name) if entry.name else "all sequences"


def _plain(name: str) -> str:
    """Escapes a name: matplotlib reads ``$`` as a formula and leaves ``_…`` out of legends."""
    escaped = name.replace("$", r"\$")
    return f" {escaped}" if escaped.startswith("_") else escaped


def _precision_recall(scores: Sequence[EntryScore]) -> Drawing | None:
    """Draws one curve per set of detections, however many trackers run on it."""
    detectors: dict[Path, EntryScore] = {}
    for score in scores:
        if all(sequence.detection for sequence in score.sequences.values()):
            detectors.setdefault(score.entry.folder, score)
    if not detectors:
        return None
    figure, panels = _panels(len(DETECTION_IOUS))
    for axes, iou in zip(panels, DETECTION_IOUS, strict=True):
        for score in detectors.values():
            result = DetectionResult.combined(
                sequence.detection[iou] for sequence in score.sequences.values()
            )
            recall, precision = result.curve
            count = len(recall)
            chosen = np.linspace(0, max(0, count - 1), min(count, CURVE_POINTS)).astype(int)
            axes.plot(
                recall[chosen],
                precision[chosen],
                label=f"{_detector_label(score)}: AP {100 * result.average_precision:.2f}",
            )
        _dress(axes, f"IoU {iou}", "recall", "precision")
        axes.set(xlim=(0, 1), ylim=(0, 1.02))
    return Drawing(
        "Precision and recall of the detections",
        _svg(figure),
        "Of the best 1, 2, 3, … detections of all sequences together.",
    )


def _protocol(scores: Sequence[EntryScore]) -> Drawing | None:
    scored = [score for score in scores if "pr" in score.overall]
    if not scored:
        return None
    figure, (left, right) = _panels(2)
    for score in scored:
        steps = zip(THRESHOLDS, score.points, strict=True)
        drawn = [(threshold, point) for threshold, point in steps if point.detections]
        label = f"{_label(score)}: PR-MOTA {100 * score.overall['pr']['PR-MOTA']:.2f}"
        left.plot(
            [point.recall for _, point in drawn],
            [point.precision for _, point in drawn],
            "o-",
            label=label,
        )
        right.plot(
            [threshold for threshold, _ in drawn],
            [point.clear.mota for _, point in drawn],
            "o-",
            label=label,
        )
    _dress(left, f"Detections, IoU {PR_IOU}", "recall", "precision")
    _dress(right, "Tracks made of them", "least score of the detections", "MOTA")
    left.set(xlim=(0, 1), ylim=(0, 1.02))
    right.set(xlim=(0, 1), ylim=(max(-1.0, right.get_ylim()[0]), right.get_ylim()[1]))
    return Drawing(
        "PR-MOTA",
        _svg(figure),
        "A point for each threshold 0, 0.1, … that any detection reaches. PR-MOTA is half the "
        "integral of the right curve along the left one.",
    )


def _hota(scores: Sequence[EntryScore]) -> Drawing | None:
    figure, panels = _panels(3)
    tracked = False
    for score in scores:
        results = [s.tracking for s in score.sequences.values() if s.tracking is not None]
        if not results:
            continue
        tracked = True
        result = total(results).hota
        curves = (result.hota_curve, result.det_a_curve, result.ass_a_curve)
        for axes, curve, mean in zip(
            panels, curves, (result.hota, result.det_a, result.ass_a), strict=True
        ):
            axes.plot(ALPHAS, curve, label=f"{_label(score)}: {100 * mean:.2f}")
    if not tracked:
        return None
    for axes, name in zip(panels, ("HOTA", "DetA", "AssA"), strict=True):
        _dress(axes, name, "α, least IoU of a match", "")
        axes.set(xlim=(0, 1), ylim=(0, 1.02))
    return Drawing(
        "HOTA over α",
        _svg(figure),
        "HOTA is the geometric mean of DetA, how much is found, and AssA, how long it keeps its "
        "id; the score is the mean over α.",
    )


def _errors(scores: Sequence[EntryScore]) -> Drawing | None:
    """Draws only the first entry with tracks, since others would hide it."""
    tracked = [
        each for each in scores if any(s.errors is not None for s in each.sequences.values())
    ]
    if not tracked:
        return None
    score = tracked[0]
    errors = {
        name: each.errors
        for name, each in score.sequences.items()
        if each.errors is not None and len(each.errors)
    }
    if not errors:
        return None
    names = sorted(sorted(errors, key=lambda name: -errors[name].sum())[:MAX_PANELS])
    columns = 2
    figure, panels = _panels(len(names), columns, height=2.0)
    for place, (axes, name) in enumerate(zip(panels, names, strict=True)):
        frames = np.arange(1, len(errors[name]) + 1)
        averaged = _sums_of_five(np.ones(len(frames)))  # fewer at both ends
        for column, (label, color) in enumerate(COLORS.items()):
            smooth = _sums_of_five(errors[name][:, column]) / averaged
            axes.plot(frames, smooth, color=color, label=label, linewidth=1)
        is_lowest = place + columns >= len(names)
        _dress(axes, _plain(name), "frame" if is_lowest else "", "", legend=False)
        axes.set_xlim(1, max(2, len(frames)))
    lines, labels = panels[0].get_legend_handles_labels()
    figure.legend(lines, labels, loc="outside upper center", ncols=len(labels), fontsize=8)
    which = ", the first entry with tracks, alone" if len(tracked) > 1 else ""
    more = "" if len(names) == len(errors) else f", the {MAX_PANELS} sequences with the most"
    return Drawing(
        "Errors over time",
        _svg(figure),
        f"{_label(score)}{which}: errors per frame, means of five frames{more}.",
    )


def _sums_of_five(values: np.ndarray) -> np.ndarray:
    """Returns the sum of each value with the two before and the two after it."""
    return np.convolve(values, np.ones(5))[2:-2]


def _panels(
    count: int, columns: int | None = None, height: float = 3.6
) -> tuple[Figure, list[Axes]]:
    from matplotlib.figure import Figure

    columns = min(count, columns or count)
    rows = -(-count // columns)
    figure = Figure(figsize=(11, height * rows), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False).ravel().tolist()
    for spare in axes[count:]:
        spare.set_axis_off()
    return figure, axes[:count]


def _dress(axes: Axes, title: str, x: str, y: str, *, legend: bool = True) -> None:
    axes.set_title(title, fontsize=10)
    axes.set_xlabel(x, fontsize=9)
    axes.set_ylabel(y, fontsize=9)
    axes.grid(alpha=0.3)
    axes.tick_params(labelsize=8)
    if legend:
        axes.legend(fontsize=8, loc="best")


def _svg(figure: Figure) -> str:
    import matplotlib

    text = io.StringIO()
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": "report"}):
        figure.savefig(text, format="svg", metadata={"Date": None})
    return text.getvalue()[text.getvalue().index("<svg") :]
