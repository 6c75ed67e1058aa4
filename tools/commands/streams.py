"""``spotstream top`` and ``spotstream stream``: watch a running pipeline, manage its streams."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from tools.console.terminal import wide_console

Pid = Annotated[
    int | None, typer.Option(help="Process id of the pipeline, if several are running.")
]

stream = typer.Typer(
    name="stream", no_args_is_help=True, help="Manage the streams of a running pipeline."
)


def top(
    pid: Pid = None,
    seconds: Annotated[float, typer.Option(min=0.1, help="Seconds between updates.")] = 1.0,
    once: Annotated[bool, typer.Option(help="Show the state once and exit.")] = False,
) -> None:
    """Watch a running pipeline."""
    from pipeline.supervision.commands import find_run
    from tools.watching.top import show_top

    show_top(find_run(pid), seconds, once=once)


@stream.command()
def add(
    source: Annotated[
        str,
        typer.Argument(
            metavar="SOURCE",
            help="Source, as for run --source; - reads it from standard input.",
        ),
    ],
    name: Annotated[
        str,
        typer.Option(
            help="Name of the stream and its result files. It gets the lines, zones, ground, "
            "regions and reference that the run's config (sink.lines, sink.zones, sink.ground, "
            "detector.ignored, detector.regions, decoder.reference) has for this name."
        ),
    ] = "",
    pid: Pid = None,
) -> None:
    """Start another stream."""
    from pipeline.supervision.commands import add_stream, find_run

    if source == "-":
        source = sys.stdin.readline().strip()
    typer.echo("\n".join(add_stream(find_run(pid), source, name)))


@stream.command()
def remove(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="Name of the stream, as list shows it.")
    ],
    pid: Pid = None,
) -> None:
    """End a stream and complete its results."""
    from pipeline.supervision.commands import find_run, remove_stream

    remove_stream(find_run(pid), name)


@stream.command("list")
def list_streams(
    pid: Pid = None, json_: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False
) -> None:
    """List the streams."""
    import msgspec

    from pipeline.supervision.commands import describe, find_run
    from tools.watching.top import streams

    overview = describe(find_run(pid))
    if json_:
        typer.echo(msgspec.json.encode(overview.streams).decode())
    else:
        console = wide_console()
        console.print(streams(overview, console.width))
