"""``spotstream validate``: weights scored on the scenes that a training config holds out."""

from __future__ import annotations

import json
from math import isnan
from pathlib import Path
from typing import Annotated

import typer
from rich import box
from rich.table import Column, Table

from tools.terminal import wide_console

SIZES = ((0, 16), (16, 32), (32, 64), (64, 128), (128, float("inf")))  # root of the area, pixels


def validate(
    config: Annotated[Path, typer.Argument(help="Training config, see configs/train/.")],
    weights: Annotated[
        Path | None,
        typer.Option(help="A weights file, or the name of one that ships."),
    ] = None,
    scale: Annotated[
        float | None,
        typer.Option(min=0.05, max=4, help="Input scale. Without: the config's or the weights'."),
    ] = None,
    set_: Annotated[
        list[str] | None, typer.Option("--set", help="Override a config key: key.path=value.")
    ] = None,
    json_: Annotated[Path | None, typer.Option("--json", help="File for the scores.")] = None,
) -> None:
    """Score weights on the scenes that a training config holds out."""
    from stages.detector.shipped import find_weights
    from stages.detector.spotnet import CheckpointError, SpotNet
    from stages.errors import ConfigError
    from stages.sink.atomic import AtomicFile
    from tools.training.config import load_training_config
    from tools.training.sources import ClassMap, read_sources
    from tools.training.validation import (
        average_precision,
        detect_samples,
        recall_at_alarms,
    )

    chosen = load_training_config(config, set_ or [])
    scored = tuple(data_set for data_set in chosen.data if data_set.held_out)
    if not scored:
        raise ConfigError(f"{config} holds out no scene to score on; see held_out")
    chosen = chosen.model_copy(update={"data": scored})
    sources = read_sources(chosen)
    try:
        network = SpotNet.from_checkpoint(find_weights(weights)).fused()
    except CheckpointError as error:
        raise ConfigError(str(error)) from error
    table = Table(Column("scenes", overflow="fold"), box=box.SIMPLE, padding=(0, 1, 0, 0))
    for column in ("images", "boxes", "AP50", "AP70", "recall", *map(_range, SIZES)):
        table.add_column(column, justify="right", no_wrap=True)
    scores: dict[str, dict[str, float]] = {}
    classes = ClassMap.of(chosen)
    for name, (data_set, samples) in sources.validation.items():
        used = scale or data_set.validation_scale or network.config.scale
        images = detect_samples(network, samples, used, classes, data_set.max_hidden)
        if not images:
            raise ConfigError(f"{name}: none of {len(samples)} images that are held out opens")
        groups = {f"{name} {scene}": [image for image in images if image.scene == scene]
                  for scene in dict.fromkeys(image.scene for image in images)}  # fmt: skip
        for group, members in {**groups, f"{name}, all at scale {used:g}": images}.items():
            by_size = {_range(size): average_precision(members, 0.5, size) for size in SIZES}
            scores[group] = {
                "AP50": average_precision(members, 0.5),
                "AP70": average_precision(members, 0.7),
                "recall": recall_at_alarms(members),
                **by_size,
            }
            count = sum(len(image.truth) for image in members)
            values = ("" if isnan(value) else f"{value:.3f}" for value in scores[group].values())
            table.add_row(group, str(len(members)), str(count), *values)
        table.add_section()
    console = wide_console()
    console.print(table)
    console.print(
        "recall: of vehicles of 16 px and more, at 0.5 false alarms an image; "
        "then AP50 by size, the root of a box's area in pixels",
        highlight=False,
    )
    if json_ is not None:
        with AtomicFile(json_) as file:
            known = {
                group: {name: None if isnan(value) else value for name, value in each.items()}
                for group, each in scores.items()
            }
            file.write(json.dumps(known, indent=1) + "\n")


def _range(size: tuple[float, float]) -> str:
    return f"{size[0]:g}+" if size[1] == float("inf") else f"{size[0]:g}-{size[1]:g}"
