"""``spotstream config``: shows what a run or a training is configured to do, key by key."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from stages.errors import ConfigError
from tools.commands.options import CONFIG_HELP, Overrides, config_names


def config(
    config: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="CONFIG",
            help=f"{CONFIG_HELP} Default: intersection. A training config is listed as well, "
            "alone: a file, or the name of a built-in one such as compact.",
            autocompletion=config_names,
        ),
    ] = None,
    set_: Overrides = None,
) -> None:
    """Print every key of a config with its value and meaning, as a file for run or train."""
    from pipeline.config_file import load_configs
    from tools.commands.config_listing import config_listing, training_listing

    paths, overrides = config or [Path("intersection")], set_ or []
    training = next(filter(_is_for_training, paths), None)
    if training is not None and len(paths) > 1:
        raise ConfigError(f"{training} is a training config, which does not build on others")
    if training is not None:
        from tools.training.config import load_training_config

        listing = training_listing(load_training_config(training, overrides))
    else:
        listing = config_listing(load_configs(paths, overrides))
    typer.echo(listing, nl=False)


def _is_for_training(path: Path) -> bool:
    """Returns whether a path names a training config: a built-in one, or a file with data sets."""
    from pipeline.config import RunConfig
    from pipeline.config_file import built_in_configs
    from pipeline.settings_file import read_settings

    if str(path) in built_in_configs():
        return False
    if str(path) in built_in_configs("train"):
        return True
    try:
        return path.is_file() and "data" in read_settings(RunConfig, path)
    except OSError:  # load_config reports it
        return False
