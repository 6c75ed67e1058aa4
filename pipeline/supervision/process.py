"""One process of a stage, which is restarted when it dies."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable

from pipeline.plan import STAGE_ENDED, StageName, WorkerPlan, encode_struct
from pipeline.reports import Busy, Crashed, Ready, Report
from pipeline.signals import STAGE_END
from pipeline.supervision.overview import ProcessState
from pipeline.supervision.restarts import Restarts
from stages.errors import reason_of

ENVIRONMENT = {
    "OMP_WAIT_POLICY": "PASSIVE",
    "MALLOC_ARENA_MAX": "2",
    "OPENBLAS_NUM_THREADS": "1",
}
"""Environment variables of every stage, unless the user has set them.

Torch's threads spin while they wait for one another, which makes the detector several times slower
when another process needs a core. glibc keeps a memory arena for every thread that ever ran, up to
eight per core (docs/architecture.md has the figures for both). NumPy's linear algebra, which the
stages hardly use, would keep threads and megabytes in every process.
"""

_START_SECONDS = 300.0  # weights may come from a slow disk, a GPU may compile kernels
_BUSY_SECONDS = 3600.0  # to complete a long video, on a slow disk
_TURN_SECONDS = 1.0  # the supervisor checks ten times a second; a longer gap is its own pause
_STEADY_SECONDS = 1.0  # a process that was ready for this long is restarted at once
_GONE_SECONDS = 1.0  # after SIGKILL, which takes longer while a mount does not answer
_FOR_MEMORY = ", as the kernel does when memory runs out"


def start_worker(plan: WorkerPlan) -> subprocess.Popen[bytes]:
    """Starts the process of a stage; it dies with the calling process."""
    # A memory file: a pipe holds only 64 KiB, and writing more would wait for the reader.
    with os.fdopen(os.memfd_create("plan"), "w+b") as file:
        file.write(encode_struct(plan))
        file.seek(0)
        return subprocess.Popen(
            # -P: import nothing from the current folder
            [sys.executable, "-P", "-m", "pipeline.worker", str(os.getpid())],
            stdin=file,
            start_new_session=True,
            env=ENVIRONMENT | dict(os.environ),
        )


class StageProcess:
    """A process and its successors.

    Attributes:
        stage: Its stage.
        worker: Index of the detector, 0 for the other stages.
        stream: The stream of a decoder, "" for the other stages.
        role: Its role in the run, such as ``decoder`` or ``detector 2``.
        state: ``starting``, ``ready``, ``waiting`` (to be started) or ``ended``.
        busy: Whether its latest report was `Busy`.
        detected_by: See `Ready`; that of the predecessor while it starts.
        restarts: Number of starts after a death.
        is_restart: Whether the latest start was one of them.

    Args:
        stage: See above.
        make_plan: Makes the plan each time the process is started.
        silence_seconds: A process that reports nothing for this long is considered hung, unless it
            is starting or busy, which may take longer. Time during which `check` is not called does
            not count, since the whole run may have been paused.
        restarts_per_minute: How often it may die in a minute.
        clock: Returns a monotonic time in seconds.
        worker: See above.
        stream: See above.
        role: See above; by default, its stage.
        progress: Returns how far the process has come, None if a successor would not repeat the
            same work or would wait for work. A process that dies without progress more often in a
            row than it may in a minute, however long that takes, is hopeless. A hang counts only
            for the process of a single stream, because a mount whose server is gone may block the
            sink for hours.
    """

    def __init__(
        self,
        stage: StageName,
        make_plan: Callable[[], WorkerPlan],
        silence_seconds: float,
        restarts_per_minute: int,
        clock: Callable[[], float] = time.monotonic,
        *,
        worker: int = 0,
        stream: str = "",
        role: str = "",
        progress: Callable[[], int | None] = lambda: None,
    ) -> None:
        self.stage = stage
        self.worker = worker
        self.stream = stream
        self.role = role or stage
        self.state: ProcessState = "waiting"
        self.detected_by = ""
        self._message = ""
        self._make_plan = make_plan
        self._silence_seconds = silence_seconds
        self._restarts = Restarts(restarts_per_minute)
        self._clock = clock
        self._progress = progress
        self._process: subprocess.Popen[bytes] | None = None
        self.restarts = 0
        self.is_restart = self._has_died = False
        self._heard = self._checked = 0.0
        self._ready_since = 0.0
        self._was_ready = False
        self._start_error = ""
        self._cannot_start = False
        self._has_exited = False
        self.busy = False
        self._hung_for = 0.0

    @property
    def name(self) -> str:
        """Human-readable name, such as ``decoder of north``."""
        return f"{self.role} of {self.stream}" if self.stream else self.role

    @property
    def pid(self) -> int:
        """Process id; 0 if none runs."""
        return self._process.pid if self._process is not None and self.runs else 0

    @property
    def runs(self) -> bool:
        """Whether there is a process now, as of the latest `check`."""
        return self.state in ("starting", "ready")

    def heard(self, report: Report) -> None:
        """Records a report from the process."""
        if not self.runs:
            return  # a last report of a process that is dead
        self._heard = self._clock()
        self.busy = isinstance(report, Busy)
        if isinstance(report, Ready):
            self.state = "ready"
            self.detected_by = report.detected_by
            self._was_ready = True
            self._ready_since = self._heard
        elif isinstance(report, Crashed):
            self._message = report.message

    def start_if_due(self) -> bool:
        """Starts the process if it is waiting and its pause is over; returns whether it did.

        A lack of descriptors or memory counts as its death, see `check`.
        """
        if self.state != "waiting" or self._clock() < self._restarts.due:
            return False
        self.is_restart, self._has_died = self._has_died, False
        self.restarts += self.is_restart
        try:
            self._process = start_worker(self._make_plan())
        except OSError as error:  # such as too many open files
            self._process, self._start_error = None, reason_of(error)
            return True
        self.state = "starting"
        self._heard = self._checked = self._clock()
        self.busy = self._has_exited = False
        self._hung_for = 0.0
        return True

    def check(self) -> str:
        """Returns how the process died since the last call, or "".

        It is worded like ``was killed by signal 11``. A hung process is killed; a later call
        returns its death. A process that exits with `STAGE_ENDED` is ``ended``.
        """
        if self._start_error:
            how, self._start_error = f"cannot be started: {self._start_error}", ""
            self._cannot_start = not self._was_ready
            self._record_death()
            return how
        if self._process is None or not self.runs:
            return ""
        now = self._clock()
        paused = max(0.0, now - self._checked - _TURN_SECONDS)
        self._heard, self._checked = min(now, self._heard + paused), now
        code = self._process.poll()
        if code is None:
            limit = self._silence_limit
            if now - self._heard > limit:
                self._hung_for = self._hung_for or limit
                self._process.kill()
            return ""
        if code == STAGE_ENDED:
            self.state = "ended"
            return ""
        if code >= 0 and not self._message and not self._has_exited:
            self._has_exited = True  # its report of the reason may not have been read yet
            return ""
        if self._hung_for:
            how = f"did not report for {self._hung_for:g} s"
        elif self._message:
            how = f"failed: {self._message}"
        elif code < 0:
            how = f"was killed by signal {-code}"
            how += _FOR_MEMORY if -code == signal.SIGKILL else ""
        else:
            how = f"ended with status {code}"
        self._cannot_start = code >= 0 and not self._was_ready
        self._record_death()
        return how

    @property
    def _silence_limit(self) -> float:
        if self.busy:
            return max(_BUSY_SECONDS, self._silence_seconds)
        return self._silence_seconds if self.state == "ready" else _START_SECONDS

    def _record_death(self) -> None:
        now = self._clock()
        self._message = ""
        self._has_died = True
        steady = self.state == "ready" and now - self._ready_since >= _STEADY_SECONDS
        self._restarts.died(now, steady=steady)
        if self.stream or not self._hung_for:
            self._restarts.died_at(self._progress())
        self.state = "waiting"

    @property
    def is_hopeless(self) -> bool:
        """Whether restarting is pointless: it cannot start, dies too often or makes no progress."""
        return self._cannot_start or self._restarts.are_too_many

    def replace(self) -> None:
        """Kills the process; a successor with a different plan, not a restart, is due at once."""
        self.kill()
        self._restarts.forget()
        self._cannot_start = self._has_died = False
        self.state = "waiting"

    def ask_to_end(self) -> None:
        """Sends `STAGE_END`."""
        if self._process is not None and self.runs:
            self._process.send_signal(STAGE_END)

    def kill(self) -> None:
        """Sends SIGKILL and waits until the process is gone, unless the kernel holds it."""
        if self._process is not None:
            self._process.kill()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(_GONE_SECONDS)
        self.state = "ended"

    def end(self, seconds: float) -> None:
        """Waits for the process to end, and kills it after ``seconds``."""
        if self._process is None:
            return
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
        self.state = "ended"
