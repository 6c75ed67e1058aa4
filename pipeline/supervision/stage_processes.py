"""The processes of a run: those that all streams share, and each stream's decoder."""

from __future__ import annotations

from pathlib import Path

from pipeline.config import RunConfig
from pipeline.plan import StageName, WorkerPlan
from pipeline.reports import Failed, Notice, Report
from pipeline.supervision.process import StageProcess
from pipeline.supervision.roster import Roster

_END_SECONDS = 3.0


class StageProcesses:
    """Makes and starts them, tells which died, and ends them.

    `all`, `are_ready`, `states` and `ids` may be asked by any thread.

    Args:
        config: Of the run.
        output: Results folder.
        roster: The streams, with their decoders.
        debug: Whether an error in the program shows its traceback.
        json_log: Whether log lines are JSON.
    """

    def __init__(
        self, config: RunConfig, output: Path, roster: Roster, *, debug: bool, json_log: bool
    ) -> None:
        self._config = config
        self._output = output
        self._roster = roster
        self._debug, self._json_log = debug, json_log
        self._shared: dict[tuple[StageName, int], StageProcess] = {}
        self._ending: list[StageProcess] = []

    def make_shared(self, sockets: str) -> None:
        """Makes sink, tracker and detectors; their sockets are to be in that folder."""
        for stage in ("sink", "tracker"):
            self._shared[stage, 0] = self.make(stage, sockets)
        for worker in range(self._config.detector.workers):
            self._shared["detector", worker] = self.make("detector", sockets, worker)

    def make(
        self,
        stage: StageName,
        sockets: str,
        worker: int = 0,
        stream: str = "",
        give_up_reason: str = "",
        *,
        text_only: bool = False,
    ) -> StageProcess:
        """A process that is yet to be started, see `WorkerPlan`; ``stream`` is a decoder's own."""

        def make_plan() -> WorkerPlan:
            running = self._roster.running
            plans = [each.plan for each in running.values() if each.has_begun]
            return WorkerPlan(
                stage=stage,
                worker=worker,
                config=self._config,
                streams=[running[stream].plan] if stream else plans,
                output=str(self._output),
                sockets=sockets,
                give_up_reason=give_up_reason,
                text_only=text_only,
                debug=self._debug,
                json_log=self._json_log,
            )

        name = f"{stage} of {stream}" if stream else stage
        if stage == "detector" and self._config.detector.workers > 1:
            name += f" {worker + 1}"
        runtime = self._config.runtime
        silence = runtime.silence_seconds
        if stage == "decoder":  # a packet may take three time-outs
            silence = max(silence, 4 * self._config.decoder.timeout)
        return StageProcess(name, make_plan, silence, runtime.restarts_per_minute)

    def all(self) -> list[StageProcess]:
        """All but the decoders of streams that have ended."""
        decoders = [stream.decoder for stream in list(self._roster.running.values())]
        return [*self._shared.values(), *decoders]

    def sender(self, report: Report) -> StageProcess | None:
        """The one that a report is of; None for the decoder of a stream that has ended."""
        if report.stage != "decoder":
            return self._shared.get((report.stage, report.worker))
        stream = self._roster.running.get(report.stream)
        return None if stream is None else stream.decoder

    @property
    def are_ready(self) -> bool:
        """Whether those that all streams share take frames."""
        shared = list(self._shared.values())
        return bool(shared) and all(process.state == "ready" for process in shared)

    @property
    def sink_is_busy(self) -> bool:
        """Whether the sink is completing a video."""
        return self._shared["sink", 0].busy

    def states(self) -> dict[str, str]:
        """States by name."""
        return {process.name: process.state for process in self.all()}

    def ids(self) -> dict[str, int]:
        """Process ids of those that run now, by name."""
        return {process.name: process.pid for process in self.all() if process.runs}

    def deaths(self) -> list[Notice | Failed]:
        """Who died since the last call: to be started again (a notice), or for good."""
        found = [self._death(process, *key) for key, process in self._shared.items()]
        for name, stream in self._roster.running.items():
            found.append(self._death(stream.decoder, "decoder", stream=name))
        self._ending = [
            decoder for decoder in self._ending if not decoder.check() and decoder.state != "ended"
        ]
        return [death for death in found if death is not None]

    def _death(
        self, process: StageProcess, stage: StageName, worker: int = 0, stream: str = ""
    ) -> Notice | Failed | None:
        how = process.check()
        if not how:
            return None
        message = f"the {process.name} process {how}"
        if not process.is_hopeless:
            return Notice(stage, worker, stream, message=f"{message}; starting it again")
        if process.restarts:
            message += f"; started again {process.restarts} times before"
        if not stream:
            message += f"; not finished: {', '.join(self._roster.unfinished)}"
        return Failed(stage, worker, stream, message=message)

    def start_due(self) -> list[StageProcess]:
        """Starts those whose time has come; gives those that were started before."""
        return [process for process in self.all() if process.start_if_due() and process.restarts]

    def let_end(self, decoder: StageProcess) -> None:
        """The stream of a decoder has ended, so that it ends by itself."""
        self._ending.append(decoder)

    def kill_all(self) -> None:
        """Kills all but those that end by themselves."""
        for process in self.all():
            process.kill()

    def end_all(self) -> None:
        """Has all end, and kills those that do not."""
        processes = self.all()
        for process in processes:
            process.ask_to_end()
        for process in (*processes, *self._ending):
            process.end(_END_SECONDS)
