"""The output after a run: its streams, advice, and which file to look at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich.table import Table

from pipeline.config import DetectorConfig, RunConfig
from pipeline.supervision.result import RunResult
from stages.decoder.locations import DEMO, SourceSpec
from stages.decoder.source import FrameSelection
from stages.detector.shipped import FASTEST, SHIPPED
from stages.extras import install_hint, installed
from stages.result_files import OVERLAY, TRACKS, StreamStatus, number_of
from stages.wording import counted
from tools.console.terminal import wide_console

if TYPE_CHECKING:
    from tools.running.demo import DemoScore

_MANY = 0.02  # share of dropped frames above which the user is advised to act
_SHIPPED = (None, *map(Path, SHIPPED))


def demo_scores(
    specs: Sequence[SourceSpec], result: RunResult, selection: FrameSelection
) -> dict[str, DemoScore]:
    """Scores the completed streams of the demo's rendered scene."""
    scores = {}
    for spec in specs:
        summary = result.finished.get(spec.name)
        if spec.location == DEMO and summary and summary.status is StreamStatus.COMPLETE:
            # Loads OpenCV and SciPy, which the supervisor does not need.
            from tools.running.demo import score_demo

            scores[spec.name] = score_demo(Path(summary.folder), selection)
    return scores


def print_summary(result: RunResult, seconds: float, scores: Mapping[str, DemoScore]) -> None:
    """Prints a table of the streams, then totals, counts, restarts and which file to look at."""
    if result.skipped:
        print(f"{counted(len(result.skipped), 'finished sequence')} skipped")
    if not result.finished:
        return
    quality = ("MOTA", "IDF1") if scores else ()
    table = Table("stream", "frames", "dropped", "tracks", *quality, "fps", "status")
    for name, summary in result.finished.items():
        counts = map(str, (summary.frames, summary.dropped, summary.tracks))
        values = (scores[name].mota, scores[name].idf1) if name in scores else ()
        marks = [f"{value:.3f}" for value in values] or [""] * len(quality)
        fps = "" if summary.fps is None else f"{summary.fps:.1f}"
        table.add_row(name, *counts, *marks, fps, summary.status)
    wide_console().print(table)
    frames = sum(summary.frames for summary in result.finished.values())
    print(f"{counted(frames, 'frame')} in {seconds:.1f} s, start included")
    for name, summary in result.finished.items():
        if not summary.frames:
            continue  # counts of 0 would look as if somebody had watched
        for line, crossed in summary.crossings.items():
            print(f"{name}: {line}: {crossed.left} to the left, {crossed.right} to the right")
        for zone, (entered, inside) in summary.zones.items():
            print(f"{name}: {zone}: {entered} entered, {inside} there at the end")
    if result.restarts:
        restarts = ", ".join(
            f"{name} {counted(count, 'time')}" for name, count in result.restarts.items()
        )
        print(f"Started again: {restarts}")
    if scores:
        (vehicles,) = {score.vehicles for score in scores.values()}
        scene = f"the scene's {counted(vehicles, 'vehicle')}"
        print(f"MOTA and IDF1 against the exact boxes of {scene}")
    if path := worth_a_look(result):
        print(f"Look at {path}")


def faster_detector(result: RunResult, config: RunConfig) -> str:
    """Returns advice if the stages were too slow for a live stream, else ""."""
    dropped = sum(summary.behind for summary in result.finished.values())
    written = sum(summary.frames for summary in result.finished.values())
    if config.detector.detections is not None or dropped <= _MANY * (dropped + written):
        return ""
    tried = _faster_settings(config.detector) if config.detector.name is None else ""
    lost = f"{counted(dropped, 'frame')} {'was' if dropped == 1 else 'were'} dropped"
    faster = f"; {tried} makes the detector faster" if tried else ""
    if config.decoder.camera_motion or config.decoder.reference:
        faster += (
            "; if it was the decoder (stages_ms in run.json), --set decoder.every=2 halves its "
            "work on camera motion and views"
        )
    waits = "if the camera sends in bursts, --set runtime.slots=32 has room for them"
    if StreamStatus.COMPLETE in {each.status for each in result.finished.values() if each.behind}:
        waits = "for a video that has an end, --set runtime.mode=lossless drops none"
    is_shared = any(not name.startswith("decoder of ") for name in result.restarts)
    again = ", or were being started again" if is_shared else ""
    return f"{lost}: the stages were too slow{again}{faster}; {waits}"


def _faster_settings(detector: DetectorConfig) -> str:
    """Returns settings with which SpotNet is faster, as the beginning of a sentence, or ""."""
    options = []
    if detector.precision == "auto" and detector.weights in _SHIPPED and _uses_bfloat16_cpu():
        options.append("precision=int8")
    if detector.weights in _SHIPPED and detector.weights != Path(FASTEST):
        options.append(f"weights={FASTEST}")
    if detector.scale is None:
        options.append("scale=0.5")
    tried = " or ".join(f"--set detector.{each}" for each in options)
    if detector.engine == "auto" and not _has_gpu() and not installed("openvino", "onnx"):
        tried = " or ".join(filter(None, (tried, install_hint("openvino"))))
    return tried


def _uses_bfloat16_cpu() -> bool:
    import torch  # slow to import, and needed only for this advice

    from stages.detector.engines.arithmetic import fast_dtype

    return not _has_gpu() and fast_dtype(torch.device("cpu")) is torch.bfloat16


def _has_gpu() -> bool:
    import torch  # slow to import, and needed only for this advice

    return torch.cuda.is_available()


def worth_a_look(result: RunResult) -> str:
    """Returns the path of the first overlay, else of the first tracks; "" if there are none."""
    for kind in (OVERLAY, TRACKS):
        for summary in result.finished.values():
            for path in (Path(summary.folder, name) for name in summary.files):
                if number_of(path, kind):
                    return str(path)
    return ""
