"""``spotstream watch`` and ``spotstream keys``: the tracks that a pipeline publishes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

keys = typer.Typer(no_args_is_help=True, help="Manage keys for tracks sent over a network.")


def watch(
    address: Annotated[str, typer.Argument(help="Address in the pipeline's runtime.publish.")],
    stream: Annotated[str, typer.Option(help="Print what is of this stream only.")] = "",
    key: Annotated[Path | None, typer.Option(help="Your .key_secret file.")] = None,
    server_key: Annotated[Path | None, typer.Option(help="The pipeline's .key file.")] = None,
    json_: Annotated[
        bool, typer.Option("--json", help="Print a JSON object for each frame and event.")
    ] = False,
) -> None:
    """Print published tracks as they arrive, one per line: the stream and a MOTChallenge row."""
    from tools.watch import watch as print_tracks

    print_tracks(address, stream, key, server_key, as_json=json_)


@keys.command()
def new(
    name: Annotated[str, typer.Argument(help="Owner's name: the pipeline or a subscriber.")],
    folder: Annotated[Path, typer.Option(help="Folder for the two files.")] = Path("keys"),
) -> None:
    """Create a pair of CURVE keys."""
    from pipeline.transport.keys import make_key

    public, secret = make_key(folder, name)
    typer.echo(f"{public}: public, for the others\n{secret}: secret, for {name} alone")
