"""``spotstream detect``: detects vehicles in images."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from stages.errors import ConfigError, OutputError, SourceError
from stages.wording import counted
from tools.commands.options import (
    CONFIG_HELP,
    Overrides,
    config_names,
    refuse_inputs,
    refuse_same,
    writable,
    writable_folder,
)
from tools.console.interruption import end_stopped, interruptible
from tools.console.terminal import progress_bar


def _refuse_data_set(output: Path) -> None:
    """Refuses to replace a COCO data set, which may have been corrected: a JSON object."""
    if not output.is_file():
        return
    with output.open("rb") as file:
        begins = file.read(1 << 16)
    text = begins.decode(json.detect_encoding(begins), "replace")  # as `json.loads` decodes bytes
    if text.lstrip().startswith("{"):
        raise ConfigError(f"output {output} may be a data set, not detections; choose another")


def _new_data_set(path: Path | None) -> Path | None:
    """Refuses what `spotstream data check` and `train` would not find, or what may be corrected."""
    if path is None:
        return None
    from tools.datasets.coco import ANNOTATIONS

    if path.suffix != ".json":
        raise ConfigError(
            f"--dataset {path}: a data set is a file that ends in .json, such as "
            f"{path / 'annotations.json'}"
        )
    writable(path)
    if path.exists():
        raise OutputError(
            f"{path} exists and may have been corrected; move it, or use another folder"
        )
    if (only := path.with_name(ANNOTATIONS)).exists():
        raise ConfigError(
            f"--dataset {path}: `data check` and `train` would read only {only}; move that away, "
            f"or use another folder"
        )
    return path


def detect(
    images: Annotated[
        list[Path], typer.Argument(metavar="IMAGE_OR_DIR", help="Images or folders of images.")
    ],
    output: Annotated[
        Path | None,
        typer.Option(
            help="COCO results file to write; image and class by file_name and category. "
            "Default: detections.json, but none with --dataset.",
            callback=writable,
        ),
    ] = None,
    config: Annotated[
        list[Path] | None, typer.Option(help=CONFIG_HELP, autocompletion=config_names)
    ] = None,
    set_: Overrides = None,
    ids: Annotated[
        Path | None,
        typer.Option(
            help="COCO annotation file whose image_id and category_id the results get as well."
        ),
    ] = None,
    overlay: Annotated[
        Path | None,
        typer.Option(
            help="Folder for copies of the images on which detections with a score of 0.3 or more "
            "are drawn.",
            callback=writable_folder,
        ),
    ] = None,
    dataset: Annotated[
        Path | None,
        typer.Option(
            help="COCO data set to write, to correct and train on: the images, and their "
            "detections with a score of 0.3 or more (or of --set detector.min_score). An existing "
            "file is refused, since it may have been corrected.",
            callback=_new_data_set,
        ),
    ] = None,
) -> None:
    """Detect vehicles in images. Unusable images are reported at the end, with exit status 3.

    Without --config, every score from 0.01 on counts, as AP needs;
    --set detector.min_score=0.3 leaves weak ones out.
    Ctrl-C, and an error in a detector of your own, write what was found so far.
    """
    from stages.atomic import write_atomically
    from tools.console.text_formats import as_json
    from tools.detection.detect_images import detect_images

    if output is None and dataset is None:
        output = writable(Path("detections.json"))
    refuse_same({"--output": output, "--dataset": dataset})
    refuse_inputs([output], [*images, ids])
    if output is not None:
        _refuse_data_set(output)
    unreadable: list[str] = []
    with interruptible(sys.exit) as stops:
        try:
            with progress_bar() as bar:
                task = bar.add_task("images", total=None)
                detected = detect_images(
                    images,
                    config or [],
                    set_ or [],
                    unreadable.append,
                    ids=ids,
                    overlay=overlay,
                    data_set=dataset,
                    progress=lambda done, of: bar.update(task, completed=done, total=of),
                    stopped=lambda: stops.count > 0,
                )
            done = detected.done
            is_cut_short = stops.count > 0 or detected.failure is not None
            files: list[tuple[Path, object, str, str]] = []
            if output:
                found = counted(len(detected.results), "detection")
                files.append((output, detected.results, found, _likely(detected.results)))
            if dataset and detected.data_set:
                boxes = counted(len(detected.data_set.annotations), "box", "boxes")
                searched = f" in {counted(done, 'image')}"
                files.append((dataset, detected.data_set.content(), boxes, searched))
            for path, content, found, more in files:
                if done or not is_cut_short:
                    write_atomically(path, as_json(content))
                if not is_cut_short:
                    typer.echo(f"{path}: {found}{more}")
        finally:
            for message in unreadable:
                typer.echo(f"spotstream: {message}", err=True)
        if is_cut_short:
            for path, _, found, _ in files:
                written = f"{path}: {found} in" if done else f"{path} is not written:"
                typer.echo(f"{written} {done} of {counted(detected.total, 'image')}", err=True)
    if detected.failure is not None:
        raise detected.failure
    if stops.count:
        end_stopped()
    if unreadable:
        raise typer.Exit(SourceError.exit_code)


def _likely(results: list[dict[str, Any]]) -> str:
    """Returns text on how many of the detections are not weak; "" if none is weak."""
    from tools.detection.overlay import LIKELY

    count = sum(each["score"] >= LIKELY for each in results)
    if count == len(results):
        return ""
    return f", {count} of them with a score of {LIKELY:g} or more"
