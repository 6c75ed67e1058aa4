"""``spotstream bench pipeline``, ``streams``, ``soak`` and ``all``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from stages.errors import ConfigError
from tools.commands.bench.output import Json, Peers, Plot, Rounds, save, show
from tools.commands.options import CONFIG_HELP, Overrides, finite
from tools.console.terminal import activity, wide_console


def bench_pipeline(
    source: Annotated[
        str | None, typer.Option(help="Video file or image folder. Default: a rendered scene.")
    ] = None,
    config: Annotated[list[Path] | None, typer.Option(help=CONFIG_HELP)] = None,
    set_: Overrides = None,
    rounds: Rounds = 3,
    json_: Json = None,
    plot: Plot = None,
) -> None:
    """Compare the four processes with one process that calls the same functions in a loop.

    For a video file that OpenCV decodes, also with a typical loop: OpenCV's VideoCapture and
    VideoWriter, and the network run as in CenterNet's demo. Also with the slowest stage alone:
    frames divided by its own time, as measured in the run.
    """
    from pipeline.config_file import load_configs
    from stages.decoder.locations import DEMO
    from tools.bench.decode import opencv_left_out
    from tools.bench.pipeline import bench_pipeline as run
    from tools.bench.pipeline import lacking_in_opencv_loop

    for message in opencv_left_out(source):
        typer.echo(message, err=True)
    whole = load_configs(config or [], set_ or [])
    if lacking := lacking_in_opencv_loop(whole):
        typer.echo(f"OpenCV's loop lacks {', '.join(lacking)}: it is left out", err=True)
    show(lambda progress: [run(source or DEMO, whole, rounds, progress)], json_, plot)


def bench_streams(
    source: Annotated[
        Path | None,
        typer.Argument(
            metavar="SOURCE",
            exists=True,
            dir_okay=False,
            help="Video file that every camera plays. Default: a generated one.",
        ),
    ] = None,
    streams: Annotated[
        list[int] | None,
        typer.Option(
            min=1, max=64, help="Number of cameras; may be repeated. Default: 1, 2, 4, 8."
        ),
    ] = None,
    delay_ms: Annotated[
        float,
        typer.Option(
            min=0, callback=finite, help="Time per batch of the stand-in detector, in ms."
        ),
    ] = 5.0,
    rounds: Rounds = 3,
    json_: Json = None,
    plot: Plot = None,
) -> None:
    """Measure many cameras with a stand-in detector: cost, memory, drops, latency."""
    from tools.bench.streams import STREAMS
    from tools.bench.streams import bench_streams as run

    counts = list(dict.fromkeys(streams or STREAMS))
    if plot is not None and len(counts) == 1:
        raise ConfigError("--plot shows ratios to the first number; give another --streams, too")
    show(
        lambda progress: [run(source, counts, delay_ms=delay_ms, rounds=rounds, progress=progress)],
        json_,
        plot,
    )


def bench_soak(
    frames: Annotated[
        int, typer.Option(min=20_000, help="Number of small frames to send.")
    ] = 200_000,
    reconnects: Annotated[
        int | None,
        typer.Option(min=20, help="Instead, cut the connection to an RTSP camera this often."),
    ] = None,
    json_: Json = None,
) -> None:
    """Measure the growth of every process over a long run."""
    from tools.bench.soak import bench_soak as run
    from tools.bench.soak import soak_reconnects

    with activity("starting") as update:
        if reconnects is None:
            result = run(frames, progress=update)
        else:
            result = soak_reconnects(reconnects, progress=update)
    table = Table("process", result.unit, "descriptors", title=f"{result.count} {result.of}")
    for name, slope in result.slopes.items():
        table.add_row(name, f"{slope:+.2f}", f"{result.descriptors[name]:+d}")
    try:
        save([result.report()], json_, None)
    finally:
        wide_console().print(table)


def bench_all(
    source: Annotated[
        str | None, typer.Option(help="Video file. Default: a rendered scene.")
    ] = None,
    peers: Peers = None,
    frames: Annotated[int, typer.Option(min=10, help="Approximate number of frames.")] = 24,
    rounds: Rounds = 3,
    json_: Json = None,
    plot: Plot = None,
) -> None:
    """Run short forms of the pipeline, transport, decode, detect, track and sink benches."""
    from stages.decoder.locations import DEMO
    from tools.bench.decode import left_out
    from tools.bench.everything import bench_all as run

    for message in left_out(source, peers):
        typer.echo(message, err=True)
    show(
        lambda progress: run(
            peers, source=source or DEMO, frames=frames, rounds=rounds, progress=progress
        ),
        json_,
        plot,
    )
