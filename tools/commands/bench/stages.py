"""``spotstream bench transport``, ``decode`` and ``sink``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tools.commands.bench.output import Json, Peers, Plot, Rounds, show

Source = Annotated[
    Path | None,
    typer.Option(exists=True, dir_okay=False, help="Video file. Default: a generated one."),
]


def bench_transport(
    peers: Peers = None,
    frames: Annotated[int, typer.Option(min=20, help="Inline frames per round.")] = 300,
    rounds: Rounds = 5,
    port: Annotated[int, typer.Option(min=1026, max=65000, help="First TCP port.")] = 6200,
    json_: Json = None,
    plot: Plot = None,
) -> None:
    """Compare frame transport with bare ZeroMQ, imagezmq and NetGear (VidGear)."""
    from tools.bench.transport import bench_transport as run

    show(
        lambda progress: [run(peers, frames=frames, rounds=rounds, port=port, progress=progress)],
        json_,
        plot,
    )


def bench_decode(
    source: Source = None,
    peers: Peers = None,
    frames: Annotated[
        int, typer.Option(min=2, help="Number of frames of the generated video.")
    ] = 480,
    rounds: Rounds = 5,
    json_: Json = None,
    plot: Plot = None,
) -> None:
    """Compare decoding into shared memory with bare PyAV, the ffmpeg program and OpenCV."""
    from tools.bench.decode import bench_decode as run
    from tools.bench.decode import left_out

    for message in left_out(source, peers):
        typer.echo(message, err=True)
    show(
        lambda progress: [run(source, peers, frames=frames, rounds=rounds, progress=progress)],
        json_,
        plot,
    )


def bench_sink(
    frames: Annotated[int, typer.Option(min=2, help="Frames per round.")] = 96,
    rounds: Rounds = 5,
    json_: Json = None,
    plot: Plot = None,
) -> None:
    """Measure the overlay at 1080p: drawing alone, encoding alone, and both."""
    from tools.bench.sink import bench_sink as run

    show(
        lambda progress: [run(frames=frames, rounds=rounds, progress=progress)],
        json_,
        plot,
    )
