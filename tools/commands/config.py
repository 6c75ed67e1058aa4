"""``spotstream config``: shows what a run is configured to do, key by key."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tools.commands.options import CONFIG_HELP, Overrides


def config(
    config: Annotated[
        Path | None,
        typer.Argument(metavar="[CONFIG]", help=f"{CONFIG_HELP} Default: intersection."),
    ] = None,
    set_: Overrides = None,
) -> None:
    """Print every key of a run's config with its value and meaning, as a file for --config."""
    from pipeline.config_file import load_config
    from tools.config_listing import config_listing

    typer.echo(config_listing(load_config(config or Path("intersection"), set_ or [])), nl=False)
