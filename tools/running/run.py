"""``spotstream run``: the run, its progress and its results."""

from __future__ import annotations

import sys
import time
from functools import partial
from pathlib import Path

from rich.console import Console

from pipeline.background_queue import within
from pipeline.config_file import load_configs
from pipeline.detectors import check_weights
from pipeline.geometry import check_references
from pipeline.logs import set_up_logging
from pipeline.supervision.result_folders import ResultFolders
from pipeline.supervision.supervisor import Supervisor
from stages.decoder.locations import DEMO, expand_sources
from tools.console.standard_streams import PATIENCE_SECONDS
from tools.running.event_log import EventLog, log_start
from tools.running.progress import ProgressView
from tools.running.summary import demo_scores, faster_detector, print_summary
from tools.running.view_thread import ViewThread
from tools.running.warnings import run_warnings


def run_pipeline(
    sources: list[str],
    output: Path,
    config_paths: list[Path],
    overrides: list[str],
    *,
    overwrite: bool,
    stay: bool,
    json_log: bool,
    debug: bool,
) -> int:
    """Runs the pipeline, shows its progress and a final table; returns the exit status."""
    default = Path("intersection" if sources or stay else "demo")
    config = load_configs(config_paths or [default], overrides)
    check_weights(config.detector)
    check_references(config.decoder.reference)
    specs = expand_sources(sources or ([] if stay else [DEMO]))
    set_up_logging("supervisor", as_json=json_log)
    view = EventLog() if json_log else ProgressView(Console(stderr=True))
    with ViewThread(view) as shown:
        if json_log:
            shown.do(partial(log_start, output))
        for notice in run_warnings(sources, specs, config, stay=stay):
            shown.show(notice)
        results = ResultFolders(specs, output, config, overwrite=overwrite)
        supervisor = Supervisor(
            results, config, shown.show, stay=stay, debug=debug, json_log=json_log
        )
        started = time.monotonic()
        result = supervisor.run()
        seconds = time.monotonic() - started
    if isinstance(view, EventLog):
        return result.exit_code
    scores = demo_scores(specs, result, config.decoder.selection)
    advice = faster_detector(result, config)

    def print_results() -> None:
        print_summary(result, seconds, scores)
        if advice:
            print(advice)

    def print_failures() -> None:
        for name, message in result.failed.items():
            if name not in view.failed:  # else it has just been shown
                print(f"spotstream: {name}: {message}", file=sys.stderr)

    if not sys.stdout.isatty():
        print_results()
    elif shown.is_read:
        within(PATIENCE_SECONDS, print_results)
    if shown.is_read:
        within(PATIENCE_SECONDS, print_failures)
    return result.exit_code
