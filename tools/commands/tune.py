"""``spotstream tune``: tunes a tracker on sequences with ground truth."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, cast

import typer
from rich.table import Table

from stages.errors import ConfigError, OutputError
from stages.wording import counted
from tools.commands.ground_truth import read_tracking_truth, refuse_unknown_lengths
from tools.commands.options import (
    FrameCounts,
    TrackerName,
    WorkerCount,
    config_names,
    refuse_same,
    writable,
)
from tools.console.standard_streams import lossy
from tools.console.terminal import activity, wide_console

if TYPE_CHECKING:
    from pipeline.config import RunConfig
    from tools.annotations.ground_truths import Benchmark
    from tools.tuning.tune import TuningResult, TuningSequence

_FIRST_CONFIGS = {
    "uavdt": "uavdt",
    "detrac": "detrac",
    "mot": "intersection",
    "drone": "uav",
    "intersection": "intersection",
}


def tune(
    benchmark: Annotated[
        Literal["uavdt", "detrac", "mot"], typer.Option(help="Format of the ground truth.")
    ] = "uavdt",
    gt: Annotated[Path | None, typer.Option(help="Ground-truth folder.")] = None,
    detections: Annotated[
        Path | None, typer.Option(help="Folder of detection files, one per sequence.")
    ] = None,
    sequence: Annotated[
        list[str] | None,
        typer.Option("--sequence", help="Tune on this sequence only; may be repeated."),
    ] = None,
    frames: FrameCounts = None,
    frame_size: Annotated[
        str | None,
        typer.Option(
            help="WIDTHxHEIGHT of the sequences. Default: the run's, else that of the format's "
            "benchmark."
        ),
    ] = None,
    view: Annotated[
        Literal["drone", "intersection"] | None,
        typer.Option(
            help="Render scenes of this view and run the config's detector, instead of both "
            "folders.",
        ),
    ] = None,
    count: Annotated[int, typer.Option(min=1, help="Number of rendered scenes.")] = 8,
    config: Annotated[
        list[Path] | None,
        typer.Option(
            help="Config whose tracker is tuned. Default: that of the benchmark or view.",
            autocompletion=config_names,
        ),
    ] = None,
    tracker: Annotated[
        TrackerName | None,
        typer.Option(help="Tune this tracker, from its defaults, instead of the config's."),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(help="Config to write: a copy with the tuned tracker.", callback=writable),
    ] = None,
    json_: Annotated[
        Path | None,
        typer.Option(
            "--json",
            help="JSON file for the settings found, those of each sequence left out, and the "
            "scores of each sequence with them.",
            callback=writable,
        ),
    ] = None,
    leave_one_out: Annotated[
        bool, typer.Option(help="Also score each sequence with settings tuned on the others.")
    ] = True,
    workers: WorkerCount = None,
) -> None:
    """Search a tracker's settings for the best mean of HOTA, MOTA and IDF1."""
    from pipeline.config_file import built_in_configs, load_config
    from tools.annotations.ground_truths import IOU_THRESHOLDS
    from tools.commands.frame_size import parse_frame_size
    from tools.tuning.grid import GRIDS
    from tools.tuning.tune import OBJECTIVE
    from tools.tuning.tune import tune as search

    folders = (gt, detections)
    if view is not None and folders != (None, None):
        raise ConfigError("--view renders scenes to tune on; give it or --gt and --detections")
    if view is not None and sequence:
        raise ConfigError("--sequence is of the ground truth in --gt, not of --view")
    if view is not None and frames:
        raise ConfigError("--frames is of the ground truth in --gt, not of --view")
    if view is not None and frame_size is not None:
        raise ConfigError("--frame-size is of the sequences in --detections, not of --view")
    if view is None and None in folders:
        raise ConfigError("nothing to tune on; give --gt and --detections, or --view")
    if config and len(config) > 1:
        raise ConfigError("tune takes one --config, of which it writes a copy")
    refuse_same({"--output": output, "--json": json_})
    size = None if frame_size is None else parse_frame_size(frame_size, "--frame-size")
    first = config[0] if config else Path(_FIRST_CONFIGS[view or benchmark])
    iou_threshold = 0.5 if view else IOU_THRESHOLDS[benchmark]
    chosen = load_config(first)
    name, start = chosen.tracker.name, chosen.tracker.settings
    if tracker is not None:
        name, start = tracker, {}
    if name not in GRIDS:
        known = ", ".join(GRIDS)
        raise ConfigError(f"there is no grid of settings to search for {name}, only for {known}")
    text = built_in_configs().get(str(first), first).read_text(encoding="utf-8")
    criteria = {"objective": OBJECTIVE, "iou_threshold": iou_threshold}
    found = _Found(first, text, criteria, output, json_)
    try:
        with activity("reading") as update:
            if gt is not None and detections is not None:
                sequences = _sequences(benchmark, gt, detections, sequence, frames, size)
            else:
                assert view is not None
                sequences = _scenes(view, chosen, count, update)
            result = search(
                sequences,
                name,
                start,
                iou_threshold=iou_threshold,
                leave_one_out=leave_one_out,
                workers=workers,
                progress=lambda stage, tried: update(f"{stage}: {counted(tried, 'setting')} tried"),
                so_far=found.keep,
            )
    except OutputError:  # of the config, such as on a full disk
        found.rescue()
        raise
    except SystemExit:  # after a signal
        found.give_up()
        raise
    found.finish(result)


@dataclass(slots=True)
class _Found:
    """What a search has found so far, and where to write it.

    Attributes:
        config: Config that the search began with.
        text: Content of ``config``.
        criteria: What settings are judged by, for the JSON file.
        output: Config to write, a copy of ``text`` with the best settings; None for none.
        json: JSON file to write; None for none.
        best: Best result so far.
        is_searched: Whether the search on all sequences is over, and ``output`` is written.
    """

    config: Path
    text: str
    criteria: Mapping[str, object]
    output: Path | None
    json: Path | None
    best: TuningResult | None = None
    is_searched: bool = False

    def keep(self, result: TuningResult, searched: bool) -> None:
        """Keeps a better result, and writes the config once the search on all sequences is over."""
        self.best = result
        if searched:
            self._write_config(result)
        self.is_searched = searched

    def finish(self, result: TuningResult) -> None:
        """Writes both files and shows the result, even if writing fails."""
        try:
            self._write_json(result)
            if not self.is_searched:  # else it is written, and may have been edited since
                self._write_config(result)
        finally:
            _show(result)
            _warn_of_start(result, self.config)
        for file in (self.json, self.output):
            if file is not None:
                typer.echo(f"{file}: written")

    def rescue(self) -> None:
        """Writes and shows the best result, whose config could not be written."""
        if self.best is None:
            return
        try:
            self._write_json(self.best)
        finally:
            _show(self.best)

    def give_up(self) -> None:
        """Writes and shows the best result before a stop, if there is any."""
        if self.best is None:
            return
        with contextlib.redirect_stdout(lossy(sys.stdout)):  # Ctrl-C also ends its reader
            if self.is_searched:
                self.finish(self.best)
                typer.echo("stopped before all sequences had been left out", err=True)
            elif self.best.settings != self.best.start:
                self.finish(self.best)
                typer.echo("stopped with the best settings so far", err=True)
            else:
                _show(self.best)
                typer.echo(
                    "stopped before better settings were found; nothing is written", err=True
                )

    def _write_json(self, result: TuningResult) -> None:
        from stages.atomic import write_atomically
        from tools.console.text_formats import as_json

        if self.json is not None:
            write_atomically(self.json, as_json({**self.criteria, **asdict(result)}))

    def _write_config(self, result: TuningResult) -> None:
        from stages.atomic import write_atomically
        from tools.tuning.tune import with_tracker

        if self.output is not None:
            write_atomically(self.output, with_tracker(self.text, result))


def _sequences(
    benchmark: Benchmark,
    gt: Path,
    detections: Path,
    only: Sequence[str] | None,
    lengths: Sequence[str] | None,
    frame_size: tuple[int, int] | None,
) -> list[TuningSequence]:
    from stages.detector.sequence_files import find_files
    from stages.number_table import BeyondSequenceError
    from stages.result_files import DETECTIONS
    from tools.evaluation.benchmark import lengths_needed
    from tools.evaluation.sequence import SequenceTask, frames_in_file, read_detections
    from tools.tuning.tune import TuningSequence

    truths, others = read_tracking_truth(benchmark, gt, only, lengths)
    refuse_unknown_lengths(truths)
    try:
        files = read_detections(detections, truths, others)
    except BeyondSequenceError as error:
        paths = find_files(detections, [truth.name for truth in truths], DETECTIONS, others)
        tasks = [SequenceTask(truth, paths[truth.name]) for truth in truths]
        needed = lengths_needed(tasks, map(frames_in_file, tasks))
        raise ConfigError(f"{error}; {needed}") from None
    return [
        TuningSequence(truth, file, frame_size) for truth, file in zip(truths, files, strict=True)
    ]


def _scenes(
    view: str, config: RunConfig, count: int, show: Callable[[str], None]
) -> list[TuningSequence]:
    from tools.tuning.scenes import render_sequences

    return render_sequences(
        view,
        config,
        count,
        progress=lambda done, of: show(f"{done} of {counted(of, 'scene')} rendered"),
    )


def _warn_of_start(result: TuningResult, config: Path) -> None:
    """Warns if the initial settings may have been tuned on the sequences that are left out."""
    from trackers import default_settings

    if result.folds and result.start != default_settings(result.tracker):
        typer.echo(
            f"the search began with the settings of {config}, not {result.tracker}'s defaults: "
            f"if these were tuned on any of the sequences, the scores of sequences left out are "
            f"not scores of unseen ones; --tracker {result.tracker} begins with the defaults",
            err=True,
        )


def _show(result: TuningResult) -> None:
    from tools.evaluation.tables import shown
    from tools.tuning.tune import OBJECTIVE
    from trackers.settings import setting_text

    without_one = ["tuned without one sequence"] if result.folds else []
    table = Table("setting", "initial", "tuned", *without_one)
    for name, value in result.settings.items():
        others = cast("list[float]", [settings[name] for settings in result.folds.values()])
        ends = dict.fromkeys(map(setting_text, (min(others), max(others)))) if others else {}
        spread = [" … ".join(ends)] if others else []
        table.add_row(name, setting_text(result.start[name]), setting_text(value), *spread)
    wide_console().print(table)
    tried = counted(result.tried, "setting")
    scores = Table("", *OBJECTIVE, "IDS", title=f"{result.tracker}, {tried} tried")
    for label, row in (
        ("initial settings", result.before),
        ("tuned on all", result.after),
        ("each tuned without it", result.left_out),
    ):
        if row:
            scores.add_row(label, *(shown(name, row[name]) for name in (*OBJECTIVE, "IDS")))
    wide_console().print(scores)
