"""``spotstream run``: runs the pipeline."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from pipeline.background_queue import within
from pipeline.signals import ignore_stop_signals, stop_signals
from stages.errors import SpotStreamError
from tools.commands.options import CONFIG_HELP, Overrides, config_names
from tools.console.standard_streams import PATIENCE_SECONDS, lossy


def run(
    sources: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="SOURCE",
            help="Video file, image folder, data set root, recording or URL; NAME= before it "
            "names the stream. Default: a rendered traffic scene, scene://demo.",
        ),
    ] = None,
    source: Annotated[
        list[str] | None, typer.Option(help="The same as SOURCE; may be repeated.")
    ] = None,
    sources_file: Annotated[
        Path | None,
        typer.Option(
            "--sources",
            help="File of sources, one per line, which keeps passwords off the command line.",
        ),
    ] = None,
    output: Annotated[Path, typer.Option(help="Results folder.", readable=False)] = Path("out"),
    config: Annotated[
        list[Path] | None,
        typer.Option(
            help=f"{CONFIG_HELP} Default: intersection; demo without a source.",
            autocompletion=config_names,
        ),
    ] = None,
    set_: Overrides = None,
    overwrite: Annotated[bool, typer.Option(help="Replace earlier results.")] = False,
    record: Annotated[
        Path | None,
        typer.Option(help="Record live streams unmodified to this folder.", readable=False),
    ] = None,
    stay: Annotated[
        bool,
        typer.Option(help="Keep running when all streams have ended; see stream add."),
    ] = False,
    json_log: Annotated[
        bool, typer.Option(help="Write JSON lines, and nothing else, to standard error.")
    ] = False,
    debug: Annotated[bool, typer.Option(help="Show tracebacks.")] = False,
) -> None:
    """Track vehicles in one or more sources with the four-process pipeline."""
    for number in stop_signals():
        # Until the supervisor takes over: an exception during an import would often get lost.
        signal.signal(number, lambda *_: os._exit(130))
    from tools.running.event_log import log_error
    from tools.running.run import run_pipeline
    from tools.running.source_file import read_sources

    if record is not None:
        set_ = [*(set_ or []), f"decoder.record={json.dumps(str(record.absolute()))}"]
    try:
        listed = read_sources(sources_file, may_be_empty=stay) if sources_file else []
        with contextlib.redirect_stdout(lossy(sys.stdout)):
            code = run_pipeline(
                [*(sources or []), *(source or []), *listed],
                output,
                config or [],
                set_ or [],
                overwrite=overwrite,
                stay=stay,
                json_log=json_log,
                debug=debug,
            )
    except SpotStreamError as error:
        if debug or not json_log:
            raise
        within(PATIENCE_SECONDS, partial(log_error, error))
        code = error.exit_code
    if code == 130:  # another signal would kill the interpreter while it shuts down
        ignore_stop_signals()
    raise typer.Exit(code)
