"""``spotstream run``: the run, its progress and its results."""

from __future__ import annotations

import fnmatch
import sys
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

from pipeline.background import within
from pipeline.config import RunConfig
from pipeline.config_file import load_config
from pipeline.detectors import check_weights
from pipeline.geometry import EVERY_STREAM
from pipeline.logs import set_up_logging
from pipeline.plan import StageName
from pipeline.reports import Notice
from pipeline.supervision.result import RunResult
from pipeline.supervision.result_folders import ResultFolders
from pipeline.supervision.runtime_folder import unusable_temporary_folder
from pipeline.supervision.supervisor import Supervisor
from stages.decoder.locations import (
    DEMO,
    SourceSpec,
    expand_sources,
    is_live,
    not_searched,
    passed_over,
)
from stages.decoder.source import FrameSelection
from stages.decoder.urls import redact
from stages.detector.shipped import FASTEST, SHIPPED
from stages.extras import install_hint, installed
from stages.result_files import TRACKS, StreamStatus, folder_name
from stages.wording import counted
from tools.event_log import EventLog, log_start
from tools.progress import ProgressView
from tools.standard_streams import PATIENCE_SECONDS
from tools.terminal import wide_console
from tools.view_thread import ViewThread

if TYPE_CHECKING:
    from tools.demo import DemoScore

MANY = 0.02
"""Share of dropped frames above which the user is advised to act."""

_NAMED = 8  # of a folder's streams, in a warning
_FOR_LIVE = ("overlay_url", "text_gigabytes")  # of the sink; overlay_gigabytes has a default

_SHIPPED = (None, *map(Path, SHIPPED))


def run_pipeline(
    sources: list[str],
    output: Path,
    config_path: Path | None,
    overrides: list[str],
    *,
    overwrite: bool,
    stay: bool,
    json_log: bool,
    debug: bool,
) -> int:
    """Runs the pipeline, shows its progress and a final table; returns the exit status."""
    default = Path("intersection" if sources or stay else "demo")
    config = load_config(config_path or default, overrides)
    check_weights(config.detector)
    specs = expand_sources(sources or ([] if stay else [DEMO]))
    set_up_logging("supervisor", as_json=json_log)
    view = EventLog() if json_log else ProgressView(Console(stderr=True))
    with ViewThread(view) as shown:
        if json_log:
            shown.do(partial(log_start, output))
        if told := unusable_temporary_folder():
            shown.show(Notice("decoder", message=told))
        if told := nothing_to_record(specs, config, stay=stay):
            shown.show(Notice("decoder", message=told))
        if told := without_live_streams(specs, config, stay=stay):
            shown.show(Notice("sink", message=told))
        for notice in unknown_in_config(specs, config, stay=stay):
            shown.show(notice)
        if told := named_by_order(specs):
            shown.show(Notice("decoder", message=told))
        if videos := passed_over(sources, specs):
            shown.show(Notice("decoder", message=_name_them(videos)))
        if closed := not_searched(sources):
            told = f"left out, since this user may not read it: {_first_of(closed)}"
            shown.show(Notice("decoder", message=told))
        results = ResultFolders(specs, output, config, overwrite=overwrite)
        supervisor = Supervisor(
            results, config, shown.show, stay=stay, debug=debug, json_log=json_log
        )
        started = time.monotonic()
        result = supervisor.run()
        seconds = time.monotonic() - started
    if isinstance(view, EventLog):
        return result.exit_code
    scores = demo_scores(specs, result, config.decoder.selection)
    advice = faster_detector(result, config)

    def print_results() -> None:
        _print_table(result, seconds, scores)
        if advice:
            print(advice)

    def print_failures() -> None:
        for name, message in result.failed.items():
            if name not in view.failed:  # else it has just been shown
                print(f"spotstream: {name}: {message}", file=sys.stderr)

    if not sys.stdout.isatty():
        print_results()
    elif shown.is_read:
        within(PATIENCE_SECONDS, print_results)
    if shown.is_read:
        within(PATIENCE_SECONDS, print_failures)
    return result.exit_code


def _has_gpu() -> bool:
    import torch  # slow to import, and needed only for this advice

    return torch.cuda.is_available()


def demo_scores(
    specs: Sequence[SourceSpec], result: RunResult, selection: FrameSelection
) -> dict[str, DemoScore]:
    """Scores the completed streams of the demo's rendered scene."""
    scores = {}
    for spec in specs:
        summary = result.finished.get(spec.name)
        if spec.location == DEMO and summary and summary.status is StreamStatus.COMPLETE:
            # Loads OpenCV and SciPy, which the supervisor does not need.
            from tools.demo import score_demo

            scores[spec.name] = score_demo(Path(summary.folder), selection)
    return scores


def nothing_to_record(specs: Sequence[SourceSpec], config: RunConfig, *, stay: bool) -> str:
    """Returns a warning if recording is on but no stream is or may become live, else ""."""
    record = config.decoder.record
    if record is None or stay or any(is_live(spec.location) for spec in specs):
        return ""
    return f"nothing is recorded into {record}: none of the sources is a live stream"


def without_live_streams(specs: Sequence[SourceSpec], config: RunConfig, *, stay: bool) -> str:
    """Returns a warning if settings are for live streams and none is or may become one, else ""."""
    keys = [f"sink.{key}" for key in _FOR_LIVE if getattr(config.sink, key)]
    mode = config.runtime.mode
    may_be_live = mode == "auto" and (stay or any(is_live(spec.location) for spec in specs))
    if not keys or mode == "live" or may_be_live:
        return ""
    why = "runtime.mode is lossless" if mode == "lossless" else "none of the sources is a live one"
    return f"{' and '.join(keys)}: no effect, since {why}"


def unknown_in_config(
    specs: Sequence[SourceSpec], config: RunConfig, *, stay: bool
) -> Iterator[Notice]:
    """Yields a warning for each key with places in streams that the run lacks."""
    names = [spec.name for spec in specs]
    known = {EVERY_STREAM, *names}
    yet = " yet" if stay else ""
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    there = f"; there are {', '.join(names[:_NAMED])}{more}" if names else ""
    given: tuple[tuple[StageName, str, Iterable[str]], ...] = (
        ("detector", "ignored", config.detector.ignored),
        ("sink", "lines", config.sink.lines),
        ("sink", "zones", config.sink.zones),
        ("sink", "ground", config.sink.ground),
        ("sink", "overlay_url", config.sink.overlay_url),
    )
    for stage, key, streams in given:
        if unknown := ", ".join(name for name in streams if name not in known):
            message = f"{stage}.{key}: no stream is called {unknown}{yet}{there}"
            yield Notice(stage, message=message)


def named_by_order(specs: Sequence[SourceSpec]) -> str:
    """Returns a warning if cameras differ only in what is not shown of their URLs, else ""."""
    names = defaultdict(list)
    for spec in specs:
        shown = redact(spec.location)
        if is_live(spec.location) and spec.name.startswith(folder_name(shown.partition("://")[2])):
            names[shown].append(spec.name)
    for shown, alike in names.items():
        if len(alike) > 1:
            return (
                f"{len(alike)} sources are {shown}, and their names, {', '.join(alike)}, go by "
                f"their order; NAME=URL gives each its own"
            )
    return ""


def _name_them(videos: Sequence[Path]) -> str:
    verb, them = ("are", "them") if len(videos) > 1 else ("is", "it")
    why = f"because images, recordings or other videos lie beside or above {them}"
    return f"{_first_of(videos)} {verb} left out, {why}; to read {them}, name {them} as well"


def _first_of(paths: Sequence[Path]) -> str:
    return f"{paths[0]}" + (f" and {len(paths) - 1} more" if len(paths) > 1 else "")


def faster_detector(result: RunResult, config: RunConfig) -> str:
    """Returns advice if the stages were too slow for a live stream, else ""."""
    dropped = sum(summary.behind for summary in result.finished.values())
    written = sum(summary.frames for summary in result.finished.values())
    if config.detector.detections is not None or dropped <= MANY * (dropped + written):
        return ""
    detector = config.detector
    ways = []
    if detector.precision == "auto" and detector.weights in _SHIPPED and not _has_gpu():
        ways.append("precision=int8")
    if detector.weights in _SHIPPED and detector.weights != Path(FASTEST):
        ways.append(f"weights={FASTEST}")
    if detector.scale is None:
        ways.append("scale=0.5")
    tried = " or ".join(f"--set detector.{each}" for each in ways)
    if detector.engine == "auto" and not _has_gpu() and not installed("openvino", "onnx"):
        tried = " or ".join(filter(None, (tried, install_hint("openvino"))))
    lost = f"{counted(dropped, 'frame')} {'was' if dropped == 1 else 'were'} dropped"
    faster = f"; {tried} makes the detector faster" if tried else ""
    waits = "if the camera sends in bursts, --set runtime.slots=32 has room for them"
    if StreamStatus.COMPLETE in {each.status for each in result.finished.values() if each.behind}:
        waits = "of a video that has an end, --set runtime.mode=lossless drops none"
    return f"{lost}: the stages were too slow{faster}; {waits}"


def worth_a_look(result: RunResult) -> str:
    """Returns the path of the first overlay, else of the first tracks; "" if there are none."""
    for kind in ("overlay*.mp4", TRACKS):
        for summary in result.finished.values():
            if names := fnmatch.filter(summary.files, kind):
                return f"{summary.folder}/{min(names, key=lambda name: (len(name), name))}"
    return ""


def _print_table(result: RunResult, seconds: float, scores: Mapping[str, DemoScore]) -> None:
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
