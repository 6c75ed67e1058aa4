"""A pipeline whose processes can be killed, stopped or observed while it runs."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from pipeline.config import RunConfig
from pipeline.config_file import load_config
from pipeline.reports import Crashed, Notice, Progress, Report
from pipeline.supervision.commands import find_run
from pipeline.supervision.result import RunResult
from pipeline.supervision.result_folders import ResultFolders
from pipeline.supervision.supervisor import Supervisor
from stages.decoder.locations import SourceSpec, expand_sources
from stages.errors import SpotStreamError
from stages.result_files import read_report

_ANY_NUMBER = 10_000

SPOTSTREAM = (sys.executable, "-P", "-m", "tools.main")
"""The command line of this program."""

Harm = Callable[["Victim"], None]

Observe = Callable[[Supervisor, Report], None]
"""Takes a run's supervisor and a report of one of its workers."""


class Victim:
    """A running pipeline, as seen by the thread that harms it.

    Attributes:
        supervisor: Its supervisor.
        over: Set when the run has ended.
        crash: Error of a process that crashed by itself, which none should.
        notices: Messages of the run's notices.
    """

    def __init__(self, results: ResultFolders, config: RunConfig) -> None:
        self.supervisor = Supervisor(results, config, self.take)
        self.over = threading.Event()
        self.crash = ""
        self.notices: list[str] = []
        self._frames: dict[str, int] = {}

    def take(self, report: Report) -> None:
        """Handles a worker's report."""
        match report:
            case Crashed():
                self.crash = f"{report.stage}: {report.message}"
                self.supervisor.stop()
                self.supervisor.stop()
            case Notice():
                self.notices.append(report.message)
            case Progress():
                self._frames[report.stream] = report.frames

    @property
    def folder(self) -> str:
        """Folder of the run's sockets, see `RuntimeFolder`."""
        return str(find_run(os.getpid()).folder)

    def frames(self) -> int:
        """Returns the number of frames written, over all streams."""
        return sum(list(self._frames.values()))

    def wait(self, condition: Callable[[], bool], seconds: float = 60.0) -> bool:
        """Waits for the condition; returns False on a timeout or if the run ends first."""
        deadline = time.monotonic() + seconds
        while not condition():
            if self.over.wait(0.01) or time.monotonic() > deadline:
                return False
        return True

    def wait_for_frames(self, seconds: float = 60.0) -> float | None:
        """Waits for another written frame; returns the seconds it took, or None."""
        started, before = time.monotonic(), self.frames()
        found = self.wait(lambda: self.frames() > before, seconds)
        return time.monotonic() - started if found else None

    def is_ready(self) -> bool:
        """Returns whether all processes accept frames."""
        states = self.supervisor.states()
        return len(states) > 3 and all(state == "ready" for state in states.values())

    def kill_one(self, rng: random.Random) -> str:
        """Kills a random process; returns its name, "" if none could be killed."""
        return self._send(signal.SIGKILL, self._any_of(rng))

    @contextlib.contextmanager
    def one_suspended(self, rng: random.Random) -> Iterator[None]:
        """Suspends a random process, as if it were waiting for a disk."""
        chosen = self._any_of(rng)
        self._send(signal.SIGSTOP, chosen)
        try:
            yield
        finally:
            self._send(signal.SIGCONT, chosen)

    def _any_of(self, rng: random.Random) -> tuple[str, int]:
        processes = self.supervisor.processes()
        return rng.choice(sorted(processes.items())) if processes else ("", 0)

    def _send(self, number: signal.Signals, process: tuple[str, int]) -> str:
        """Sends a signal to a process; returns its name, "" if it no longer exists."""
        name, pid = process
        if not pid:
            return ""
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            return ""
        return name


def run_command(source: Path | str, output: Path, *settings: str) -> list[str]:
    """Returns the command line of a run in its own process."""
    options = [option for setting in settings for option in ("--set", setting)]
    return [*SPOTSTREAM, "run", "--source", str(source), "--output", str(output), *options]


def failure_of_run(result: RunResult) -> SpotStreamError:
    """Returns the error, with its exit status, for a run that was not finished."""
    reasons = "; ".join(dict.fromkeys(result.failed.values()))
    error = SpotStreamError(reasons or "the run was not finished")
    error.exit_code = result.exit_code
    return error


def run_with(
    sources: Sequence[str],
    output: Path,
    settings: Sequence[str],
    harm: Harm = lambda victim: None,
) -> RunResult:
    """Runs a pipeline in this process while a thread runs ``harm``, which ends with the run.

    Raises:
        SpotStreamError: A process crashed without having been killed.
        SystemExit: The run was ended by Ctrl-C or another signal, which ends this process as well.
    """
    config = load_config(None, [f"runtime.restarts_per_minute={_ANY_NUMBER}", *settings])
    results = ResultFolders(expand_sources(list(sources)), output, config, overwrite=True)
    victim = Victim(results, config)
    thread = threading.Thread(target=harm, args=(victim,), daemon=True)
    thread.start()
    try:
        result = victim.supervisor.run()
    finally:
        victim.over.set()
        if not victim.supervisor.was_signalled:
            thread.join(30)
    if victim.supervisor.was_signalled:
        raise SystemExit(130)
    if victim.crash:
        raise SpotStreamError(f"a process died of itself: {victim.crash}")
    return result


def report_of_run(
    source: SourceSpec, config: RunConfig, observe: Observe = lambda supervisor, report: None
) -> dict[str, Any]:
    """Runs a pipeline on one source, keeps none of its files and returns the stream's report.

    Raises:
        SpotStreamError: The run was not finished.
        SystemExit: The run was ended by Ctrl-C or another signal, which ends this process as well.
    """
    with tempfile.TemporaryDirectory(prefix="spotstream-bench-") as folder:
        output = Path(folder) / "out"
        results = ResultFolders([source], output, config, overwrite=False)
        supervisor = Supervisor(results, config, lambda report: observe(supervisor, report))
        result = supervisor.run()
        if supervisor.was_signalled:
            raise SystemExit(130)
        if result.exit_code:
            raise failure_of_run(result)
        return read_report(output / source.name)
