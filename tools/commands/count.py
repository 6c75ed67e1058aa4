"""``spotstream count``: tables of what runs have counted."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, tzinfo
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from stages.errors import ConfigError
from stages.wording import counted
from tools.commands.options import (
    Overrides,
    by_stream,
    config_names,
    finite,
    refuse_unknown,
    writable_folder,
)
from tools.console.terminal import activity, wide_console

if TYPE_CHECKING:
    from stages.sink.options import SinkOptions
    from tools.counting.counts import StreamCounts


def _regular(minutes: float) -> float:
    """Refuses lengths that do not divide an hour, and hours that do not divide a day."""
    seconds = round(60 * finite(minutes))
    if 3600 % seconds and (seconds % 3600 or 86_400 % seconds):
        raise typer.BadParameter(
            f"{minutes:g} minutes do not divide an hour, nor are they hours that divide a day; "
            f"give 5, 10, 15, 30 or 60, for example, or 120 or 1440"
        )
    return minutes


def count(
    folders: Annotated[
        list[Path],
        typer.Argument(
            metavar="DIR",
            help="Results folders (--output of a run), or folders above them. With --frame-rate: "
            "folders with NAME.txt, NAME/mot.txt, NAME/gt/gt.txt or NAME.xml, or files.",
            exists=True,
        ),
    ],
    output: Annotated[
        Path | None,
        typer.Option(
            help="Folder for crossings.csv, turns.csv and zones.csv.", callback=writable_folder
        ),
    ] = None,
    minutes: Annotated[
        float,
        typer.Option(
            min=0.1,
            max=1440,
            help="Length of an interval; it divides an hour, or is whole hours that divide a day.",
            callback=_regular,
        ),
    ] = 15,
    start: Annotated[
        list[str] | None,
        typer.Option(
            help="Start of recorded video, such as 2026-05-04T07:00, of all streams, or NAME=…",
        ),
    ] = None,
    timezone: Annotated[
        str | None,
        typer.Option(help="Time zone of cameras, such as Europe/Berlin. Default: this machine's."),
    ] = None,
    config: Annotated[
        list[Path] | None,
        typer.Option(
            help="Config with sink.lines and sink.zones (and sink.anchor, sink.zone_stay_seconds; "
            "for speeds, sink.ground) to count on the tracks of the runs, instead of what the runs "
            "counted. No video is needed; boxes are rounded to 0.01 pixels, and times are those of "
            "times.txt.",
            autocompletion=config_names,
        ),
    ] = None,
    frame_rate: Annotated[
        str | None,
        typer.Option(
            metavar="RATE",
            help="Frames per second, such as 25 or 30000/1001, of the recorded videos of tracks "
            "without times.txt: those of other programs, of track, or ground truth of MOTChallenge "
            "or UA-DETRAC. Needs --config or --set.",
        ),
    ] = None,
    set_: Overrides = None,
) -> None:
    """Make tables of what runs counted: crossings, turns, speeds, stays and occupancy of zones."""
    from tools.counting.counts import StreamCounts
    from tools.counting.intervals import Clock
    from tools.counting.recount import recount
    from tools.counting.track_file import TrackFile
    from tools.results.rows import of_runs

    again, rate = bool(config or set_), _rate(frame_rate)
    zone, starts = _zone(timezone), by_stream(start or [], "--start", _start)
    streams = _runs(folders, again=again) if rate is None else _track_files(folders, again=again)
    refuse_unknown(starts, streams, "--start")
    drawn = _drawn(config or [], set_ or [], streams) if again else {}
    if again:
        streams = {name: runs for name, runs in streams.items() if name in drawn}
    counts = {name: StreamCounts() for name in streams}
    faults: dict[str, None] = {}  # each once, even if a stream has several runs
    with activity("reading") as update:
        for name, runs in streams.items():
            clock = Clock(round(60 * minutes), zone, starts.get(name, starts.get("")))
            for path in runs:
                update(f"reading {path}")
                run = path if rate is None else TrackFile.read(path, rate)
                counted_again = recount(run, drawn[name], clock) if again else None
                counts[name].add(run, clock, counted_again)
                if counted_again is not None:
                    faults |= dict.fromkeys(f"{name}: {each}" for each in counted_again.faults)
    for fault in faults:
        typer.echo(f"spotstream: {fault}", err=True)
    started = streams if "" in starts else starts
    if dated := ", ".join(name for name in started if name in counts and counts[name].is_dated):
        typer.echo(f"spotstream: --start is ignored for {dated}: the times are known", err=True)
    try:
        if output is not None:
            _write(output, counts)
    finally:
        for name, runs in streams.items():
            _show(name, counts[name], of_runs(runs))


def _runs(folders: Sequence[Path], *, again: bool) -> dict[str, list[Path]]:
    """Returns the folders of each stream's runs."""
    from stages.result_files import COUNTS, TRACKS
    from tools.results.rows import runs_by_stream

    if file := next((path for path in folders if path.is_file()), None):
        raise ConfigError(
            f"{file} is a file; for tracks without times, give --config and --frame-rate, else the "
            f"results folder of a run"
        )
    if streams := runs_by_stream(folders, [TRACKS] if again else COUNTS):
        return streams
    where = ", ".join(map(str, folders))
    if again:
        raise ConfigError(
            f"no tracks ({TRACKS}) in {where}; those of other programs and of track (NAME.txt) "
            f"need the --frame-rate of the video"
        )
    raise ConfigError(
        f"no counts ({', '.join(COUNTS)}) in {where}; runs write them with sink.lines or sink.zones"
    )


def _track_files(paths: Sequence[Path], *, again: bool) -> dict[str, list[Path]]:
    """Returns the files of each stream's tracks without times."""
    from stages.result_files import TRACKS
    from tools.counting.track_file import track_files

    if not again:
        raise ConfigError("--frame-rate is for counting on tracks; give --config or --set as well")
    if streams := track_files(paths):
        return streams
    where = ", ".join(map(str, paths))
    raise ConfigError(f"no tracks (NAME.txt, NAME/{TRACKS}, NAME/gt/gt.txt, NAME.xml) in {where}")


def _rate(text: str | None) -> Fraction | None:
    from stages.frame_rate import parse_frame_rate

    try:
        return None if text is None else parse_frame_rate(text)
    except ValueError as error:
        raise ConfigError(f"--frame-rate {text}: {error}") from None


def _drawn(
    config: Sequence[Path], overrides: Sequence[str], streams: Mapping[str, Sequence[Path]]
) -> dict[str, SinkOptions]:
    """Returns the streams with lines or zones to count; reports the others, and unknown ones."""
    from pipeline.config_file import load_configs
    from pipeline.geometry import reference_of
    from tools.counting.recount import drawn_options
    from tools.results.reference import check_pictures, newer_pictures
    from tools.running.warnings import unknown_streams

    settings = load_configs(config, overrides)
    sink = settings.sink
    drawn = drawn_options(settings, streams)
    for name in drawn:
        check_pictures(name, streams[name], reference_of(settings.decoder.reference, name))
        for warning in newer_pictures(streams[name]):
            typer.echo(f"spotstream: {warning}", err=True)
    keys: dict[str, Iterable[str]]
    keys = {"sink.lines": sink.lines, "sink.zones": sink.zones, "sink.ground": sink.ground}
    for key, given in keys.items():
        if warning := unknown_streams(key, given, [*streams]):
            typer.echo(f"spotstream: {warning}", err=True)
    if left := ", ".join(name for name in streams if name not in drawn):
        typer.echo(
            f"spotstream: left out, since sink.lines and sink.zones have nothing for them: {left}",
            err=True,
        )
    if sink.ground and all(options.ground is None for options in drawn.values()):
        message = "sink.ground: no effect, since no stream with ground points has lines"
        typer.echo(f"spotstream: {message}", err=True)
    return drawn


def _start(text: str) -> datetime:
    try:
        began = datetime.fromisoformat(text)
    except ValueError:
        began = None
    if began is None or began.tzinfo is not None:
        raise ConfigError(f"--start {text}: expected a local time as 2026-05-04T07:00")
    return began


def _zone(name: str | None) -> tzinfo | None:
    from zoneinfo import ZoneInfo

    try:
        return None if name is None else ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # unknown, absolute, or a folder of zones
        raise ConfigError(
            f"--timezone: no zone {name}; they are named as Europe/Berlin, and a system without "
            f"them needs the package tzdata"
        ) from None


def _write(folder: Path, counts: Mapping[str, StreamCounts]) -> None:
    from stages.atomic import make_folder, write_atomically
    from tools.console.text_formats import as_csv
    from tools.counting.counts import TABLES

    make_folder(folder)
    for name, table in TABLES.items():
        file = folder / f"{name}.csv"
        rows = [
            {"stream": stream, **row}
            for stream, each in counts.items()
            for row in table.by_interval(each)
        ]
        write_atomically(file, as_csv(rows, ["stream", *table.headings]))
        typer.echo(f"{file}: written" + ("" if rows else ", without rows"))


def _show(stream: str, counts: StreamCounts, of: str) -> None:
    from tools.counting.counts import TABLES

    sums = {name: table.sums(counts, by_class=True) for name, table in TABLES.items()}
    tables = {name: rows for name, rows in sums.items() if rows}
    for name, rows in tables.items():
        shown = Table(*rows[0], title=f"{stream}: {name}{of}", title_justify="left")
        for row in rows:
            shown.add_row(*map(str, row.values()))
        wide_console().print(shown)
    if not tables:
        frames = counted(counts.frames.total(), "frame")
        typer.echo(f"{stream}: no vehicle crossed a line or entered a zone in {frames}{of}")
