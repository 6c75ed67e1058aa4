"""The command line: ``spotstream``."""

from __future__ import annotations

import contextlib
import importlib.metadata
import json
import signal
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from pipeline.signals import stop_signals
from stages.errors import SourceError, SpotStreamError
from tools.bench.commands import bench
from tools.calibrate import calibrate
from tools.config_help import CONFIG_HELP, TrackerName
from tools.data import data_app
from tools.evaluate import evaluate_app
from tools.export import export
from tools.segment import segment
from tools.standard_streams import lossy
from tools.synth.command import synth
from tools.terminal import wide_console
from tools.train import train
from tools.tune import tune
from tools.validate import validate

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

app.add_typer(data_app, name="data")

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
    for number in stop_signals():
        signal.signal(number, lambda *_: sys.exit(130))
    from tools.run import run_pipeline

    if record is not None:
        set_ = [*(set_ or []), f"decoder.record={json.dumps(str(record.absolute()))}"]
    with contextlib.redirect_stdout(lossy(sys.stdout)):
        code = run_pipeline(
            source or [],
            output,
            config,
            set_ or [],
            overwrite=overwrite,
            stay=stay,
            json_log=json_log,
            debug=debug,
        )
    raise typer.Exit(code)


@stream_app.command("add")
def stream_add(
    source: Annotated[str, typer.Argument(help="What --source of run takes.")],
    name: Annotated[str, typer.Option(help="Name of the stream and its results.")] = "",
    pid: Pid = None,
) -> None:
    """Begin another stream."""
    from pipeline.commands import AddStream, Done, find_run, send_command
    from stages.decoder.sources import absolute_location

    answer = send_command(find_run(pid), AddStream(absolute_location(source), name))
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
    from tools.top import streams

    overview = describe(find_run(pid))
    if json_:
        typer.echo(msgspec.json.encode(overview.streams).decode())
    else:
        console = wide_console()
        console.print(streams(overview, console.width))


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
    detections: Annotated[
        Path,
        typer.Option(help="UA-DETRAC, MOT or UAVDT detection file (.gz), or a folder of them."),
    ],
    output: Annotated[Path, typer.Option(help="MOT result file to write, or folder.")],
    config: Annotated[Path | None, typer.Option(help=CONFIG_HELP)] = None,
    tracker: Annotated[TrackerName | None, typer.Option(help="Another than the config's.")] = None,
    set_: Annotated[
        list[str] | None, typer.Option("--set", help="A tracker setting: max_age=30.")
    ] = None,
    frame_size: Annotated[
        str | None,
        typer.Option(help="WIDTHxHEIGHT. Without: the benchmark's whose format the file has."),
    ] = None,
    fill: Annotated[
        int, typer.Option(min=0, help="Fill gaps of up to so many frames afterwards.")
    ] = 0,
) -> None:
    """Track detection files, without video and without processes."""
    from pipeline.config import load_config
    from tools.frame_size import parse_frame_size
    from tools.track import track_file, track_folder

    overrides = [f"tracker.settings.{setting}" for setting in set_ or []]
    if tracker is not None:
        overrides.append(f"tracker.name={tracker}")
    chosen = load_config(config, overrides).tracker
    name, settings = chosen.name, chosen.settings
    size = None if frame_size is None else parse_frame_size(frame_size, "--frame-size")
    if detections.is_dir():
        found = list(track_folder(detections, output, name, settings, size, fill).values())
    else:
        found = [track_file(detections, output, name, settings, None, size, fill)]
    for summary in found:
        typer.echo(
            f"{summary.output}: {summary.tracks} tracks, {summary.boxes} boxes in "
            f"{summary.frames} frames, {summary.frames_per_second:.0f} frames/s"
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
    """Detect vehicles in images. One that cannot be read is told of; exit status 3 at the end."""
    from stages.sink.atomic import AtomicFile
    from tools.detect import detect_images

    unreadable: list[str] = []
    results = detect_images(images, config, set_ or [], unreadable.append)
    with AtomicFile(output) as file:
        file.write(json.dumps(results, indent=1) + "\n")
    typer.echo(f"{output}: {len(results)} detections")
    for message in unreadable:
        typer.echo(f"spotstream: {message}", err=True)
    if unreadable:
        raise typer.Exit(SourceError.exit_code)


app.command()(calibrate)
app.command()(export)


app.command()(train)


app.command()(validate)


app.command()(synth)


app.command()(segment)


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
    wide_console().print(table)
    raise typer.Exit(1 if failed else 0)


def main() -> None:
    """Runs the command; user errors end in one line on standard error."""
    signal.signal(signal.SIGINT, lambda *_: sys.exit(130))
    with contextlib.redirect_stderr(lossy(sys.stderr)):
        try:
            app()
        except SpotStreamError as error:
            if "--debug" in sys.argv:
                raise
            typer.echo(f"spotstream: {error}", err=True)
            sys.exit(error.exit_code)


if __name__ == "__main__":
    main()
