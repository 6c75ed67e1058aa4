"""The command line: ``spotstream``."""

from __future__ import annotations

import importlib.metadata
import json
import logging
import signal
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from stages.errors import SpotStreamError
from tools.evaluate import evaluate_app
from tools.tune import tune

CONFIG_HELP = "YAML file, or one of demo, intersection, uav, rtsp, detrac, uavdt."

Pid = Annotated[
    int | None, typer.Option(help="Process id of the pipeline, where several are running.")
]

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Traffic video to tracks: decode, detect (SpotNet), track, write.",
)


stream_app = typer.Typer(no_args_is_help=True, help="Streams of a running pipeline.")
app.add_typer(stream_app, name="stream")

keys_app = typer.Typer(no_args_is_help=True, help="Keys for tracks that cross a network.")
app.add_typer(keys_app, name="keys")

app.add_typer(evaluate_app, name="evaluate")

bench = typer.Typer(no_args_is_help=True, help="Measure speed, side by side.")
app.add_typer(bench, name="bench")


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"spotstream {importlib.metadata.version('spotstream')}")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Traffic video to tracks: decode, detect (SpotNet), track, write."""


@app.command()
def run(
    source: Annotated[
        list[str] | None,
        typer.Option(
            help="Video file, image folder, data set root, recording or URL; may be repeated. "
            "None: a rendered traffic scene."
        ),
    ] = None,
    output: Annotated[Path, typer.Option(help="Results folder.")] = Path("out"),
    config: Annotated[
        Path | None, typer.Option(help=f"{CONFIG_HELP} Without: intersection.")
    ] = None,
    set_: Annotated[
        list[str] | None, typer.Option("--set", help="Override a config key: key.path=value.")
    ] = None,
    overwrite: Annotated[bool, typer.Option(help="Replace earlier results.")] = False,
    record: Annotated[
        Path | None, typer.Option(help="Keep incoming live streams in this folder, as they are.")
    ] = None,
    stay: Annotated[
        bool, typer.Option(help="Run on when all streams have ended; see spotstream stream add.")
    ] = False,
    json_log: Annotated[
        bool, typer.Option(help="Lines of JSON on standard error, and nothing else.")
    ] = False,
    debug: Annotated[bool, typer.Option(help="Show tracebacks.")] = False,
) -> None:
    """Track the vehicles of one or more sources through the four processes."""
    from tools.run import run_pipeline

    if record is not None:
        set_ = [*(set_ or []), f"decoder.record={json.dumps(str(record.absolute()))}"]
    raise typer.Exit(
        run_pipeline(
            source or [],
            output,
            config,
            set_ or [],
            overwrite=overwrite,
            stay=stay,
            json_log=json_log,
            debug=debug,
        )
    )


@stream_app.command("add")
def stream_add(
    source: Annotated[str, typer.Argument(help="What --source of run takes.")],
    name: Annotated[str, typer.Option(help="Name of the stream and its results.")] = "",
    pid: Pid = None,
) -> None:
    """Begin another stream."""
    from pipeline.commands import AddStream, Done, find_run, send_command

    location = source if "://" in source or source == "demo" else str(Path(source).absolute())
    answer = send_command(find_run(pid), AddStream(location, name))
    assert isinstance(answer, Done)
    typer.echo("\n".join(answer.streams))


@stream_app.command("remove")
def stream_remove(name: str, pid: Pid = None) -> None:
    """End a stream and complete its results."""
    from pipeline.commands import RemoveStream, find_run, send_command

    send_command(find_run(pid), RemoveStream(name))


@stream_app.command("list")
def stream_list(
    pid: Pid = None, json_: Annotated[bool, typer.Option("--json", help="As JSON.")] = False
) -> None:
    """Show the streams."""
    import msgspec

    from pipeline.commands import describe, find_run
    from tools.top import stream_table

    overview = describe(find_run(pid))
    if json_:
        typer.echo(msgspec.json.encode(overview.streams).decode())
    else:
        Console().print(stream_table(overview))


@app.command()
def top(
    pid: Pid = None,
    seconds: Annotated[float, typer.Option(min=0.1, help="Between two looks.")] = 1.0,
    once: Annotated[bool, typer.Option(help="Look once.")] = False,
) -> None:
    """Watch a running pipeline."""
    from pipeline.commands import find_run
    from tools.top import show_top

    show_top(find_run(pid), seconds, once=once)


@app.command()
def track(
    detections: Annotated[Path, typer.Option(help="UA-DETRAC, MOT or UAVDT detection file (.gz).")],
    output: Annotated[Path, typer.Option(help="MOT result file to write.")],
    config: Annotated[Path | None, typer.Option(help=CONFIG_HELP)] = None,
    tracker: Annotated[str | None, typer.Option(help="Tracker: sort, spottrack.")] = None,
    set_: Annotated[
        list[str] | None, typer.Option("--set", help="A tracker setting: max_age=30.")
    ] = None,
) -> None:
    """Track a detection file, without video and without processes."""
    from pipeline.config import load_config
    from tools.track import parse_settings, track_file

    chosen = load_config(config).tracker
    settings = {**chosen.settings, **parse_settings(set_ or [])}
    summary = track_file(detections, output, tracker or chosen.name, settings)
    rate = summary.frames / max(summary.seconds, 1e-9)
    typer.echo(
        f"{output}: {summary.tracks} tracks, {summary.boxes} boxes in {summary.frames} frames, "
        f"{rate:.0f} frames/s"
    )


app.command()(tune)


@app.command()
def detect(
    images: Annotated[list[Path], typer.Argument(help="Images or folders of images.")],
    output: Annotated[Path, typer.Option(help="COCO results to write.")] = Path("detections.json"),
    config: Annotated[Path | None, typer.Option(help=CONFIG_HELP)] = None,
    set_: Annotated[
        list[str] | None, typer.Option("--set", help="Override a config key: key.path=value.")
    ] = None,
) -> None:
    """Detect vehicles in images."""
    from stages.sink.atomic import AtomicFile
    from tools.detect import detect_images

    results = detect_images(images, config, set_ or [])
    with AtomicFile(output) as file:
        file.write(json.dumps(results, indent=1) + "\n")
    typer.echo(f"{output}: {len(results)} detections")


@app.command()
def train(config: Annotated[Path, typer.Argument(help="YAML file, see configs/train/.")]) -> None:
    """Train SpotNet."""
    from tools.training.config import load_training_config
    from tools.training.trainer import train as train_model

    logging.basicConfig(level=logging.INFO, format="%(message)s")
    result = train_model(load_training_config(config))
    table = Table("data set", "AP50", "AP70", title=f"{result.weights}, {result.steps} steps")
    for name, scores in result.scores.items():
        table.add_row(name, f"{scores['AP50']:.3f}", f"{scores['AP70']:.3f}")
    Console().print(table)


@app.command()
def watch(
    address: Annotated[str, typer.Argument(help="The pipeline's runtime.publish.")],
    stream: Annotated[str, typer.Option(help="Of this stream only.")] = "",
    key: Annotated[Path | None, typer.Option(help="Your .key_secret file.")] = None,
    server_key: Annotated[Path | None, typer.Option(help="The pipeline's .key file.")] = None,
) -> None:
    """Print published tracks as they come: stream, and a MOTChallenge row."""
    from tools.watch import watch as watch_tracks

    watch_tracks(address, stream, key, server_key)


@keys_app.command("new")
def keys_new(
    name: Annotated[str, typer.Argument(help="Whose: the pipeline's or a subscriber's.")],
    folder: Annotated[Path, typer.Option(help="Where the two files go.")] = Path("keys"),
) -> None:
    """Make a pair of CURVE keys."""
    from pipeline.broadcast import make_key

    public, secret = make_key(folder, name)
    typer.echo(f"{public}: public, for the others\n{secret}: secret, for {name} alone")


@app.command()
def chaos(
    short: Annotated[bool, typer.Option(help="Each fault a few times only.")] = False,
) -> None:
    """Do the pipeline harm, and see that it lives up to its promises."""
    from tools.chaos import run_chaos

    table = Table("fault", "times", "result", "")
    failed = 0
    for outcome in run_chaos(short=short):
        mark = {True: "as promised", False: "BROKEN", None: "not tried"}[outcome.passed]
        failed += outcome.passed is False
        table.add_row(outcome.fault, f"{outcome.times:,}", outcome.result, mark)
        Console(stderr=True).print(f"{outcome.fault}: {outcome.result}: {mark}", highlight=False)
    Console().print(table)
    raise typer.Exit(1 if failed else 0)


@bench.command("pipeline")
def bench_pipeline(
    source: Annotated[str, typer.Option(help="Video file or image folder; demo is rendered.")] = (
        "demo"
    ),
    config: Annotated[Path | None, typer.Option(help=CONFIG_HELP)] = None,
    set_: Annotated[
        list[str] | None, typer.Option("--set", help="Override a config key: key.path=value.")
    ] = None,
    rounds: Annotated[int, typer.Option(min=1, help="How often both are run, in turn.")] = 3,
) -> None:
    """The four processes against one process that calls the same functions in a loop."""
    from pipeline.config import load_config
    from tools.bench.pipeline import bench_pipeline as measure

    def show(number: int, four: float, one: float) -> None:
        typer.echo(f"round {number + 1}: four processes {four:.1f} fps, one loop {one:.1f} fps")

    result = measure(source, load_config(config, set_ or []), rounds, show)
    typer.echo(f"{result.frames} frames; four processes to one loop: {result.ratio:.2f} (median)")


@bench.command("streams")
def bench_many_streams(
    source: Annotated[Path, typer.Argument(help="Video file, played as every camera.")],
    streams: Annotated[int, typer.Option(min=1, max=64, help="Cameras.")] = 8,
    delay_ms: Annotated[float, typer.Option(help="What the detector takes for a batch.")] = 5.0,
) -> None:
    """Many cameras at once, with a stand-in for the detector: drops and latency."""
    from tools.bench.streams import bench_streams

    table = Table("stream", "frames", "dropped", "p50 ms", "p95 ms", "p99 ms")
    for each in bench_streams(source, streams, delay_ms):
        latency = (f"{each.latency_ms[p]:.1f}" for p in ("p50", "p95", "p99"))
        table.add_row(each.stream, str(each.frames), str(each.dropped), *latency)
    Console().print(table)


@bench.command("soak")
def soak(
    frames: Annotated[int, typer.Option(min=1000, help="Small frames to send.")] = 200_000,
    overlay: Annotated[bool, typer.Option(help="Write the overlay too.")] = True,
) -> None:
    """Growth of every process over a long run."""
    from tools.bench.soak import bench_soak

    result = bench_soak(frames, overlay=overlay)
    table = Table(
        "process", "MB per 100,000 frames", "descriptors", title=f"{result.frames} frames"
    )
    for name, slope in result.slopes.items():
        table.add_row(name, f"{slope:+.2f}", f"{result.descriptors[name]:+d}")
    Console().print(table)


def main() -> None:
    """Runs the command; user errors end in one line on standard error."""
    signal.signal(signal.SIGINT, lambda *_: sys.exit(130))
    try:
        app()
    except SpotStreamError as error:
        if "--debug" in sys.argv:
            raise
        typer.echo(f"spotstream: {error}", err=True)
        sys.exit(error.exit_code)


if __name__ == "__main__":
    main()
