"""``spotstream bench pipeline``, ``streams``, ``soak`` and ``all``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from tools.bench.output import Json, Peers, Plot, Rounds, show
from tools.commands.config_help import CONFIG_HELP
from tools.terminal import wide_console


def bench_pipeline(
    source: Annotated[
        str | None, typer.Option(help="Video file or image folder. Without: a rendered scene.")
    ] = None,
    config: Annotated[Path | None, typer.Option(help=CONFIG_HELP)] = None,
    set_: Annotated[
        list[str] | None, typer.Option("--set", help="Override a config key: key.path=value.")
    ] = None,
    rounds: Annotated[int, typer.Option(min=1, help="How often both are run, in turn.")] = 3,
    json_: Json = None,
    plot: Plot = None,
) -> None:
    """The four processes beside one process that calls the same functions in a loop.

    Where the source is a video file, beside a loop as many write it: OpenCV's VideoCapture and
    VideoWriter, the network as CenterNet's demo runs it. And beside the slowest stage: frames over
    its time alone, as the run measured it.
    """
    from pipeline.config import load_config
    from stages.decoder.locations import DEMO
    from tools.bench.pipeline import bench_pipeline as run

    whole = load_config(config, set_ or [])
    show(lambda progress: [run(source or DEMO, whole, rounds, progress)], json_, plot)


def bench_streams(
    source: Annotated[
        Path | None,
        typer.Argument(exists=True, dir_okay=False, help="Video file, played as every camera."),
    ] = None,
    streams: Annotated[
        list[int] | None,
        typer.Option(min=1, max=64, help="Cameras; may be repeated. Without: 1, 2, 4, 8."),
    ] = None,
    delay_ms: Annotated[float, typer.Option(help="What the detector takes for a batch.")] = 5.0,
    rounds: Rounds = 3,
    json_: Json = None,
    plot: Plot = None,
) -> None:
    """Many cameras at once, with a stand-in for the detector: cost, memory, drops, latency."""
    from tools.bench.streams import STREAMS
    from tools.bench.streams import bench_streams as run

    counts = streams or STREAMS
    show(
        lambda progress: [run(source, counts, delay_ms=delay_ms, rounds=rounds, progress=progress)],
        json_,
        plot,
    )


def bench_soak(
    frames: Annotated[int, typer.Option(min=1000, help="Small frames to send.")] = 200_000,
    overlay: Annotated[bool, typer.Option(help="Write the overlay too.")] = True,
) -> None:
    """Growth of every process over a long run."""
    from tools.bench.soak import bench_soak as run

    result = run(frames, overlay=overlay)
    table = Table(
        "process", "MB per 100,000 frames", "descriptors", title=f"{result.frames} frames"
    )
    for name, slope in result.slopes.items():
        table.add_row(name, f"{slope:+.2f}", f"{result.descriptors[name]:+d}")
    wide_console().print(table)


def bench_all(
    source: Annotated[
        str | None, typer.Option(help="Video file. Without: a rendered scene.")
    ] = None,
    peers: Peers = None,
    frames: Annotated[int, typer.Option(min=10, help="How many, by and large.")] = 24,
    rounds: Rounds = 3,
    json_: Json = None,
    plot: Plot = None,
) -> None:
    """Every bench in a short form: pipeline, transport, decode, detect, track and sink."""
    from stages.decoder.locations import DEMO
    from tools.bench.everything import bench_all as run

    show(
        lambda progress: run(
            peers, source=source or DEMO, frames=frames, rounds=rounds, progress=progress
        ),
        json_,
        plot,
    )
