"""``spotstream data``: training data sets."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from stages.errors import ConfigError
from tools.commands.options import refuse_inputs, refuse_same, writable, writable_image
from tools.console.terminal import activity, progress_bar, wide_console

TRIED = 64
"""Number of images to decode unless ``--every`` is given."""

data = typer.Typer(name="data", no_args_is_help=True, help="Inspect training data sets.")


@data.callback()
def data_sets() -> None:
    """Inspect training data sets."""


@data.command()
def check(
    folder: Annotated[
        Path,
        typer.Argument(metavar="DIR", help="UA-DETRAC, UAVDT, COCO or YOLO data set."),
    ],
    sheet: Annotated[
        Path | None,
        typer.Option(
            help="Contact sheet of samples to write, .jpg or .png. Default: NAME-sheet.jpg, after "
            "the data set's folder."
        ),
    ] = None,
    images: Annotated[
        int, typer.Option(min=0, help="Number of samples on the sheet; 0 for no sheet.")
    ] = 24,
    every: Annotated[bool, typer.Option(help=f"Decode every image, not just {TRIED}.")] = False,
    json_: Annotated[
        Path | None, typer.Option("--json", help="JSON file for all findings.", callback=writable)
    ] = None,
    open_: Annotated[bool, typer.Option("--open", help="Open the sheet in a viewer.")] = False,
) -> None:
    """Report the contents and the problems of a data set, and draw samples of it."""
    from stages.atomic import write_atomically
    from stages.decoder.image_folder import sheet_name
    from tools.console.text_formats import as_json
    from tools.datasets.check import summarize, unreadable_images
    from tools.datasets.coco import coco_files
    from tools.datasets.contact_sheet import contact_sheet
    from tools.datasets.folder_tree import FolderTree
    from tools.datasets.formats import read_data_set
    from tools.datasets.spread import spread_samples
    from tools.datasets.tables import finding_tables, headline, problem_lines
    from tools.image_writing import write_image

    sheet = sheet or Path(sheet_name(folder))
    if images:
        refuse_same({"--sheet": sheet, "--json": json_})
        writable_image(sheet)
    console = wide_console()
    with activity("reading annotations"):
        data_set = read_data_set(folder)
    images_there = (each.path for each in data_set.samples if each.path.name == sheet.name)
    outputs = [sheet if images else None, json_]
    refuse_inputs(outputs, [*coco_files(FolderTree(folder)), *images_there])
    tried = data_set.samples if every else spread_samples(data_set.samples, TRIED)
    with progress_bar() as bar:
        task = bar.add_task("images", total=len(tried))
        unreadable = unreadable_images(tried, lambda done: bar.update(task, completed=done))
    findings = summarize(data_set, len(tried), unreadable)
    try:
        if json_ is not None:
            write_atomically(json_, as_json(asdict(findings)))
        if images:
            write_image(sheet, contact_sheet(spread_samples(data_set.samples, images)))
    finally:
        typer.echo(headline(findings))
        for table in finding_tables(findings, console.width):
            console.print(table)
        for line in problem_lines(findings):
            typer.echo(line)
    if images:
        typer.echo(f"sheet: {sheet}")
        if open_:
            typer.launch(str(sheet))
    if not findings.total.boxes:
        raise ConfigError(f"{folder} holds no boxes, and nothing can be learnt from it")
