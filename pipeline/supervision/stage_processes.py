"""The processes of a run: those that all streams share, and each stream's decoder."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from pathlib import Path

from pipeline.config import RunConfig
from pipeline.plan import StageName, WorkerPlan
from pipeline.release import installed_release
from pipeline.reports import Failed, Notice, Report
from pipeline.supervision.overview import ProcessState
from pipeline.supervision.process import StageProcess
from pipeline.supervision.roster import Roster
from stages.errors import SpotStreamError
from stages.wording import counted

_END_SECONDS = 3.0
_REPLACING_SECONDS = 60.0  # from removing the old files to installing the new, on a slow disk


class StageProcesses:
    """Makes the stage processes, starts them, reports their deaths, and ends them.

    `all`, `are_ready`, `states` and `ids` may be called from any thread.

    Attributes:
        release: The release of the program when the run started.

    Args:
        config: The run's configuration.
        output: Results folder.
        roster: The streams, with their decoders.
        debug: Whether an error in the program shows its traceback.
        json_log: Whether log lines are JSON.
        clock: Returns a monotonic time in seconds.
    """

    def __init__(
        self,
        config: RunConfig,
        output: Path,
        roster: Roster,
        *,
        debug: bool,
        json_log: bool,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._config = config
        self._output = output
        self._roster = roster
        self._debug, self._json_log = debug, json_log
        self._shared: dict[tuple[StageName, int], StageProcess] = {}
        self._ending: list[StageProcess] = []
        self._sockets = ""
        self.release = installed_release()
        self._clock = clock
        self._missed_since = math.inf  # since when no release has been installed

    def make_shared(self, sockets: str) -> None:
        """Makes sink, tracker and detectors; all sockets are in the folder ``sockets``."""
        self._sockets = sockets
        for stage in ("sink", "tracker"):
            self._shared[stage, 0] = self.make(stage)
        for worker in range(self._config.detector.workers):
            self._shared["detector", worker] = self.make("detector", worker)

    def make(
        self,
        stage: StageName,
        worker: int = 0,
        stream: str = "",
        give_up_reason: str = "",
        *,
        text_only: bool = False,
    ) -> StageProcess:
        """Makes a process without starting it, see `WorkerPlan`; ``stream`` is a decoder's own."""

        def make_plan() -> WorkerPlan:
            running = self._roster.running
            plans = [each.plan for each in running.values() if each.has_begun]
            predecessor = self._shared.get((stage, worker))
            return WorkerPlan(
                stage=stage,
                worker=worker,
                detected_by=predecessor.detected_by if predecessor else "",
                config=self._config,
                streams=[running[stream].plan] if stream else plans,
                output=str(self._output),
                sockets=self._sockets,
                give_up_reason=give_up_reason,
                text_only=text_only,
                debug=self._debug,
                json_log=self._json_log,
            )

        def progress() -> int | None:
            if stage != "decoder":
                return self._roster.progress
            decoded = self._roster.running.get(stream)
            return None if decoded is None else decoded.progress

        several = stage == "detector" and self._config.detector.workers > 1
        role = f"{stage} {worker + 1}" if several else stage
        runtime = self._config.runtime
        silence = runtime.silence_seconds
        if stage == "decoder":  # a packet may take three timeouts
            silence = max(silence, 4 * self._config.decoder.timeout)
        return StageProcess(
            stage,
            make_plan,
            silence,
            runtime.restarts_per_minute,
            worker=worker,
            stream=stream,
            role=role,
            progress=progress,
        )

    def all(self) -> list[StageProcess]:
        """Returns all processes except the decoders of ended streams."""
        decoders = [stream.decoder for stream in list(self._roster.running.values())]
        return [*self._shared.values(), *decoders]

    def sender(self, report: Report) -> StageProcess | None:
        """Returns the process that sent a report; None for the decoder of an ended stream."""
        if report.stage != "decoder":
            return self._shared.get((report.stage, report.worker))
        stream = self._roster.running.get(report.stream)
        return None if stream is None else stream.decoder

    @property
    def are_ready(self) -> bool:
        """Whether the processes that all streams share are ready for frames."""
        shared = list(self._shared.values())
        return bool(shared) and all(process.state == "ready" for process in shared)

    @property
    def sink(self) -> StageProcess:
        """The process of the sink."""
        return self._shared["sink", 0]

    def states(self) -> dict[str, ProcessState]:
        """Returns the states of the processes by name."""
        return {process.name: process.state for process in self.all()}

    def ids(self) -> dict[str, int]:
        """Returns the ids of the processes that run now, by name."""
        return {process.name: process.pid for process in self.all() if process.runs}

    def deaths(self) -> list[Notice | Failed]:
        """Returns the deaths since the last call: `Notice` if restarted, `Failed` if for good."""
        found = [self._death(process) for process in self.all()]
        self._ending = [each for each in self._ending if not each.check() and each.runs]
        return [death for death in found if death is not None]

    def _death(self, process: StageProcess) -> Notice | Failed | None:
        stage, worker, stream = process.stage, process.worker, process.stream
        how = process.check()
        if not how:
            return None
        message = f"the {process.name} {how}"
        if not Path(self._sockets).is_dir():
            message += (
                f"; it cannot be replaced: the run's folder {self._sockets} was removed; "
                f"set TMPDIR to a folder that nobody clears"
            )
        elif not process.is_hopeless:
            message += "; starting it again"
            return Notice(stage, worker, stream, message=message, event="restart")
        if process.restarts:
            message += f"; started again {counted(process.restarts, 'time')} before"
        if not stream:
            message += f"; not finished: {', '.join(self._roster.unfinished)}"
        return Failed(stage, worker, stream, message=message)

    @property
    def upgrade(self) -> str:
        """How the program was replaced or removed, "" if it is still of the same release."""
        return self._upgrade_to(installed_release())

    def _upgrade_to(self, release: str) -> str:
        if release == self.release:
            return ""
        if not release:
            return f"SpotStream {self.release} was removed under this run"
        return f"SpotStream {self.release} was replaced by {release} under this run: start it again"

    def start_due(self) -> list[StageProcess]:
        """Starts the processes that are due, none while the program is replaced; returns them.

        Raises:
            SpotStreamError: A process is to be started, but would run another release than the
                others, or no release has been installed for a minute.
        """
        is_due = any(each.state == "waiting" for each in self.all())
        release = installed_release() if is_due else self.release
        now = self._clock()
        self._missed_since = math.inf if release else min(now, self._missed_since)
        if not release and now - self._missed_since < _REPLACING_SECONDS:
            return []
        if replaced := self._upgrade_to(release):
            raise SpotStreamError(replaced)
        return [process for process in self.all() if process.start_if_due()]

    def let_end(self, decoder: StageProcess) -> None:
        """Lets a decoder whose stream has ended exit by itself."""
        self._ending.append(decoder)

    def kill_all(self, but: StageProcess | None = None) -> None:
        """Kills all processes except ``but`` and those left to end by themselves."""
        for process in self.all():
            if process is not but:
                process.kill()

    def end_all(self) -> None:
        """Asks all processes to end, and kills those that have not ended three seconds later."""
        processes = self.all()
        for process in processes:
            process.ask_to_end()
        deadline = time.monotonic() + _END_SECONDS
        for process in (*processes, *self._ending):
            process.end(max(0.0, deadline - time.monotonic()))
