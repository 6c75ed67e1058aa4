"""Carries out the commands to a run, and gives its overview."""

from __future__ import annotations

import os
import time
from pathlib import Path

from pipeline.signals import StopRequests
from pipeline.supervision.commands import AddStream, Command, CommandResult, Describe, RemoveStream
from pipeline.supervision.overview import Overview, ProcessView
from pipeline.supervision.result import RunResult
from pipeline.supervision.roster import Roster
from pipeline.supervision.run_resources import RunResources
from pipeline.supervision.stage_processes import StageProcesses
from stages.errors import ConfigError


class RunCommands:
    """Carries out commands to add, remove or describe streams.

    Attributes:
        closed: Set once streams can be neither added nor removed any more.

    Args:
        output: Results folder.
        result: The result of the run; a stream that is added again is removed from it.
        roster: The streams.
        processes: The processes.
        stops: The requests to end the run; after the first, no stream can be added.
    """

    def __init__(
        self,
        output: Path,
        result: RunResult,
        roster: Roster,
        processes: StageProcesses,
        stops: StopRequests,
    ) -> None:
        self.closed = False
        self._output = output
        self._result = result
        self._roster = roster
        self._processes = processes
        self._stops = stops
        self._began = time.monotonic()

    def serve(self, run: RunResources) -> None:
        """Answers commands and updates the web page; call it in each iteration of a loop."""
        run.monitor.beat()
        run.commands.serve(self.carry_out)
        if run.page is not None:
            run.page.refresh(self._overview)

    def carry_out(self, command: Command) -> CommandResult:
        """Carries out a command.

        Raises:
            ConfigError: The command is refused.
        """
        match command:
            case AddStream() | RemoveStream() if self.closed:
                raise ConfigError("the pipeline is about to end")
            case AddStream():
                return self._add(command)
            case RemoveStream():
                self._roster.remove(command.name)
                return None
            case Describe():
                return self._overview()

    def _add(self, command: AddStream) -> list[str]:
        if self._stops.count:
            raise ConfigError("the pipeline is about to end")
        if replaced := self._processes.upgrade:
            raise ConfigError(replaced)
        added = self._roster.add(command.location, command.name)
        for name in added:
            self._result.failed.pop(name, None)
            self._result.finished.pop(name, None)
        return added

    def _overview(self) -> Overview:
        return Overview(
            os.getpid(),
            str(self._output),
            time.monotonic() - self._began,
            self._roster.views(),
            [ProcessView(p.name, p.pid, p.state, p.restarts) for p in self._processes.all()],
        )
