"""``spotstream segment``: foreground masks from motion, to train the segmentation head on."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from stages.errors import ConfigError, SourceError
from stages.wording import counted
from tools.commands.options import WorkerCount, writable_folder, writable_image
from tools.console.terminal import activity, progress_bar
from tools.segmentation.options import Method, SegmentOptions, Subtractor

if TYPE_CHECKING:
    from tools.segmentation.plan import Plan
    from tools.segmentation.sequence import SequenceSummary

PROBLEMS_SHOWN = 10


def segment(
    source: Annotated[
        Path,
        typer.Argument(
            metavar="DIR",
            help="Data set (UA-DETRAC, UAVDT, COCO, YOLO); or, without boxes, a video or images.",
        ),
    ],
    output: Annotated[
        Path | None,
        typer.Option(
            help="Folder for masks/SCENE/IMAGE.png. Default: DIR.",
            readable=False,
            callback=writable_folder,
        ),
    ] = None,
    method: Annotated[
        Method,
        typer.Option(
            help="background: for static cameras. flow: for moving cameras. boxes: each box's "
            "interior. auto: chosen by camera motion; boxes for single images."
        ),
    ] = Method.AUTO,
    subtractor: Annotated[
        Subtractor, typer.Option(help="Subtractor for --method background.")
    ] = Subtractor.MEDIAN,
    fill_empty: Annotated[
        bool, typer.Option(help="Draw an ellipse in boxes with hardly any motion.")
    ] = True,
    blur: Annotated[bool, typer.Option(help="Blur and threshold, as in the paper.")] = True,
    workers: WorkerCount = None,
    overwrite: Annotated[
        bool, typer.Option(help="Remove existing masks first, and make all again.")
    ] = False,
    sheet: Annotated[
        Path | None,
        typer.Option(
            help="Contact sheet of samples to write, .jpg or .png.", callback=writable_image
        ),
    ] = None,
    images: Annotated[int, typer.Option(min=1, help="Number of samples on the sheet.")] = 24,
) -> None:
    """Write a motion-based foreground mask for each frame.

    What cannot be read is left out and reported at the end, with exit status 3.
    """
    from stages.cores import usable_cores
    from stages.decoder.source_folders import MASKS
    from stages.folder_lock import FolderLock
    from tools.image_writing import write_image
    from tools.segmentation.mask_record import refuse_other_masks, remove_outdated
    from tools.segmentation.plan import leave_out_unreadable, make_plan

    if output is None and source.is_file():
        raise ConfigError(f"{source} is a file; say where its masks go: --output DIR")
    if output is not None and source.resolve() in output.resolve().parents:
        raise ConfigError(
            f"{output} is inside {source}, where masks would be mistaken for images; "
            f"choose a folder elsewhere, or {source} itself"
        )
    with activity("reading annotations"):
        plan = make_plan(source, output or source)
    if method is Method.BOXES and not plan.annotated:
        raise ConfigError(f"{source} has no boxes; --method boxes needs a data set")
    with ExitStack() as stack:
        stack.callback(FolderLock(output or source).release)
        with activity("counting frames"):
            leave_out_unreadable(plan)
        filled = fill_empty and plan.annotated
        options = SegmentOptions(method, subtractor, filled, blur)
        with activity("removing masks"):
            remove_outdated(plan.sequences + plan.singles, overwrite=overwrite)
        refuse_other_masks(plan.sequences, options)
        summaries: list[SequenceSummary] = []
        try:
            _segment(plan, options, workers or usable_cores(), summaries.append)
        finally:  # also after an interrupt
            failures = plan.failures + [each for summary in summaries for each in summary.problems]
            _report(summaries, (output or source) / MASKS, failures + plan.problems)
    if sheet is not None:
        from tools.segmentation.sheet import mask_sheet

        write_image(sheet, mask_sheet(plan, images))
        typer.echo(f"sheet: {sheet}")
    if failures:
        raise typer.Exit(SourceError.exit_code)


def _report(summaries: list[SequenceSummary], folder: Path, left_out: list[str]) -> None:
    for summary in sorted(summaries, key=lambda each: each.name):
        how = f"by {summary.method}" if summary.method else "nothing to do"
        were = "was" if summary.kept == 1 else "were"
        kept = f", {summary.kept:,} {were} there" if summary.kept else ""
        masks = counted(summary.written, "mask", form=",")
        typer.echo(f"{summary.name}: {masks}, {how}{kept}")
    if summaries:
        typer.echo(f"masks: {folder}")
    for problem in left_out[:PROBLEMS_SHOWN]:
        typer.echo(f"left out: {problem}", err=True)
    if len(left_out) > PROBLEMS_SHOWN:
        typer.echo(f"left out: {len(left_out) - PROBLEMS_SHOWN:,} more", err=True)


def _segment(
    plan: Plan,
    options: SegmentOptions,
    workers: int,
    finished: Callable[[SequenceSummary], None],
) -> None:
    from tools.segmentation.sequence import segment_sequence
    from tools.workers import Workers

    total = sum(len(frames.masks()) for frames in plan.sequences + plan.singles)
    with progress_bar() as bar, Workers(workers) as pool:
        task = bar.add_task("frames", total=total)
        boxes = replace(options, method=Method.BOXES)
        by_motion = partial(segment_sequence, options=options)
        by_boxes = partial(segment_sequence, options=boxes, recorded=False)
        for frames, work in ((plan.sequences, by_motion), (plan.singles, by_boxes)):
            list(pool.do_all(work, frames, lambda count: bar.advance(task, count), finished))
