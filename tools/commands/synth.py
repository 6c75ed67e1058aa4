"""``spotstream synth``: renders scenes as data sets."""

from __future__ import annotations

import time
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Annotated, Literal

import typer

from stages.errors import ConfigError
from stages.wording import counted
from tools.commands.options import WorkerCount, writable_folder, writable_image
from tools.console.terminal import progress_bar


def synth(
    output: Annotated[
        Path,
        typer.Option(help="Folder for the data set.", readable=False, callback=writable_folder),
    ],
    scenes: Annotated[int, typer.Option(min=1, help="Number of scenes.")] = 20,
    frames: Annotated[int, typer.Option(min=1, help="Images per scene.")] = 10,
    every: Annotated[
        int, typer.Option(min=1, help="Write every N-th frame of each 25 fps scene.")
    ] = 15,
    seed: Annotated[
        int, typer.Option(min=0, help="Seed of the first scene; later ones count up.")
    ] = 0,
    size: Annotated[str, typer.Option(help="Image size, WIDTHxHEIGHT.")] = "960x544",
    view: Annotated[
        Literal["drone", "intersection", "random"],
        typer.Option(help="Moving camera, or a mast, footbridge or roadside."),
    ] = "random",
    light: Annotated[
        Literal["day", "dusk", "night", "random"], typer.Option(help="Time of day.")
    ] = "random",
    weather: Annotated[
        Literal["clear", "rain", "random"], typer.Option(help="Weather.")
    ] = "random",
    format_: Annotated[
        Literal["detrac", "mot", "both"], typer.Option("--format", help="Format of the data set.")
    ] = "detrac",
    varied: Annotated[
        bool,
        typer.Option(
            "--varied/--plain", help="Draw from wide ranges for training, or stay like the demo."
        ),
    ] = True,
    workers: WorkerCount = None,
    sheet: Annotated[
        Path | None,
        typer.Option(
            help="Sheet of the first scenes to write, .jpg or .png.", callback=writable_image
        ),
    ] = None,
) -> None:
    """Render traffic scenes with exact boxes, ids and masks, as UA-DETRAC or MOT folders."""
    from stages.cores import usable_cores
    from stages.folder_lock import FolderLock
    from tools.commands.frame_size import parse_frame_size
    from tools.synth.options import SynthOptions, claim_folder
    from tools.synth.render import is_complete, render_scene
    from tools.synth.sheet import write_sheet
    from tools.workers import Workers

    width, height = parse_frame_size(size, "--size")
    options = SynthOptions(frames, every, width, height, view, light, weather, format_, varied)
    if sheet is not None and format_ == "mot":
        raise ConfigError("--sheet needs --format detrac or both")
    seeds = range(seed, seed + scenes)
    with ExitStack() as stack:
        stack.callback(FolderLock(output).release)  # other runs remove unfinished scenes
        claim_folder(output, options)
        missing = [number for number in seeds if not is_complete(output, options, number)]
        kept = scenes - len(missing)
        started = time.monotonic()
        with progress_bar() as bar, Workers(workers or usable_cores()) as pool:
            task = bar.add_task("pictures", total=scenes * frames, completed=kept * frames)
            work = partial(render_scene, output, options)
            boxes = sum(pool.do_all(work, missing, lambda count: bar.advance(task, count)))
    seconds, count = time.monotonic() - started, len(missing) * frames
    were = "was" if kept == 1 else "were"
    done = f"{output}: {counted(len(missing), 'scene')} rendered, {kept} {were} there"
    if count:
        images = counted(count, "image", form=",")
        done += f"; {images}, {counted(boxes, 'box', 'boxes', form=',')}"
        done += f", {seconds / count:.2f} s an image"
    typer.echo(done)
    if sheet is not None:
        write_sheet(output, options, seeds, sheet)
        typer.echo(f"{sheet}")
