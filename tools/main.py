"""The ``spotstream`` command line."""

from __future__ import annotations

import contextlib
import errno
import io
import logging
import os
import signal
import sys
import tempfile
import traceback
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from pipeline.background_queue import within
from pipeline.signals import StopRequests, stop_signals
from stages.errors import ConfigError, OutputError, SpotStreamError, reason_of, unreadable_name
from stages.urls import without_credentials
from tools.commands.bench import bench
from tools.commands.calibrate import calibrate
from tools.commands.chaos import chaos
from tools.commands.complete import complete
from tools.commands.config import config
from tools.commands.count import count
from tools.commands.data import data
from tools.commands.detect import detect
from tools.commands.draw import draw
from tools.commands.evaluate import evaluate
from tools.commands.export import export
from tools.commands.maps import maps
from tools.commands.run import run
from tools.commands.segment import segment
from tools.commands.snapshot import snapshot
from tools.commands.streams import stream, top
from tools.commands.synth import synth
from tools.commands.track import track
from tools.commands.train import train
from tools.commands.tune import tune
from tools.commands.validate import validate
from tools.commands.watch import keys, watch
from tools.console.standard_streams import PATIENCE_SECONDS, lossy, open_missing

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Traffic video to tracks: decode, detect (SpotNet), track, write.",
)
for panel, commands in {
    "Video and cameras": (run, config, top, stream, watch, keys, complete),
    "Counts and pictures": (snapshot, count, maps, draw),
    "Tracks and scores": (track, evaluate, tune),
    "Detector": (detect, export, calibrate),
    "Training": (train, validate, data, segment, synth),
    "Checks of this software": (bench, chaos),
}.items():
    for command in commands:
        if isinstance(command, typer.Typer):
            app.add_typer(command, rich_help_panel=panel)
        else:
            app.command(rich_help_panel=panel)(command)


def _version(wanted: bool) -> None:
    if wanted:
        import importlib.metadata  # imported here because it is slow and rarely needed

        typer.echo(f"spotstream {importlib.metadata.version('spotstream')}")
        raise typer.Exit


@app.callback()
def root(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
    debug: Annotated[
        bool, typer.Option("--debug", help="Show tracebacks, for any command.")
    ] = False,
) -> None:
    """Traffic video to tracks: decode, detect (SpotNet), track, write."""
    context.default_map = {"run": {"debug": debug}}
    try:
        Path.cwd()
    except FileNotFoundError as error:  # torch would not find its libraries from there
        raise ConfigError("the current folder was removed; change to another") from error


# Errors that a file name given by the user, or standard output, may cause; others are our bugs.
_NAME_ERRORS = {errno.EACCES, errno.EPERM, errno.ENAMETOOLONG, errno.ELOOP}
_OUTPUT_ERRORS = {errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS, errno.EFBIG, errno.EPERM}


def main() -> None:
    """Runs the command; a user error prints one line on standard error."""
    requests = StopRequests()
    for number in stop_signals():
        signal.signal(number, lambda number, _: requests.add_signal(number) and sys.exit(130))
    open_missing()
    # The code that reads a file reports errors.
    os.environ.setdefault("OPENCV_LOG_LEVEL", "SILENT")
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
    # Matplotlib warns about the folders that it tries for its cache.
    logging.getLogger("matplotlib").setLevel(logging.ERROR)
    if isinstance(sys.stdout, io.TextIOWrapper) and sys.stdout.errors == "strict":
        sys.stdout.reconfigure(errors="backslashreplace")  # file names need not be UTF-8
    with contextlib.redirect_stderr(lossy(sys.stderr)):
        try:
            app()
        except SpotStreamError as error:
            _fail(error)
        except UnicodeEncodeError as error:  # in a file name
            is_name = "\n" not in error.object
            if not (is_name and (problem := unreadable_name(error.object))):
                raise
            _fail(ConfigError(problem))
        except OSError as error:
            if error.filename and error.errno in _NAME_ERRORS:
                _fail(ConfigError(f"{error.filename}: {reason_of(error)}"))
            if not error.filename and error.errno in _OUTPUT_ERRORS:
                _fail(OutputError(f"cannot write to standard output: {reason_of(error)}"))
            if _no_temporary_folder(error):
                message = "there is no folder for temporary files; set TMPDIR to one"
                _fail(ConfigError(message))
            raise
        except RuntimeError as error:  # Python before 3.13 raises it instead of an OSError
            if not str(error).startswith("Symlink loop"):
                raise
            _fail(ConfigError(f"{error}: the link leads to itself"))


def _no_temporary_folder(error: OSError) -> bool:
    """Returns whether ``error`` comes from a library that found no folder for temporary files.

    Neither its type nor its errno shows this: Python raises the error for a missing file, without
    a file name, and errors from Matplotlib or another process have no errno. So the search is
    repeated here.
    """
    if error.filename or error.errno not in (None, errno.ENOENT):
        return False
    try:
        tempfile.gettempdir()
    except FileNotFoundError:
        return True
    return False


def _fail(error: SpotStreamError) -> NoReturn:
    text = traceback.format_exc() if "--debug" in sys.argv else f"spotstream: {error}"
    shown = without_credentials(text)  # it may quote any value
    within(PATIENCE_SECONDS, lambda: typer.echo(shown, err=True))
    sys.exit(error.exit_code)


if __name__ == "__main__":
    main()
