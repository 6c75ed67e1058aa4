import subprocess
import time

import pytest
from msgspec.structs import replace

from pipeline.config import RunConfig
from pipeline.plan import STAGE_ENDED, StreamPlan, WorkerPlan
from pipeline.reports import Crashed, Ready
from pipeline.supervision.process import StageProcess

PLAN = WorkerPlan(stage="sink", config=RunConfig(), streams=[], output="out", sockets="s")


def test_start_does_not_wait_until_the_process_reads_its_plan(tmp_path, worker_is):
    worker_is(f"sleep 120\nexec cat > {tmp_path / 'read'}\n")
    streams = [StreamPlan(f"camera-{n}", "rtsp://camera", "", "", n) for n in range(2000)]
    plan = replace(PLAN, streams=streams)
    process = StageProcess("sink", lambda: plan, 60.0, 5)
    before = time.monotonic()
    assert process.start_if_due()
    assert time.monotonic() - before < 100
    process.kill()


def test_process_that_cannot_be_started_counts_as_dead(descriptors_left):
    now = [0.0]
    process = StageProcess("sink", lambda: PLAN, 60.0, 5, lambda: now[0])
    descriptors_left(2)
    assert process.start_if_due()
    assert (process.runs, process.pid) == (False, 0)
    assert process.check() == "cannot be started: too many open files"
    assert process.is_hopeless
    process.kill()
    assert process.state == "ended"


def test_failed_restart_is_retried_later(descriptors_left):
    now = [0.0]
    process = StageProcess("sink", lambda: PLAN, 60.0, 5, lambda: now[0])
    assert process.start_if_due()
    process.heard(Ready("sink"))
    assert process.pid
    process.kill()
    process.state = "waiting"
    assert process.pid == 0
    descriptors_left(2)
    assert process.start_if_due()
    assert process.check() == "cannot be started: too many open files"
    assert (process.restarts, process.is_restart) == (0, False)
    assert not process.is_hopeless
    descriptors_left(16)
    assert not process.start_if_due()
    now[0] = 1.0
    assert process.start_if_due()
    assert (process.restarts, process.is_restart) == (1, True)
    assert process.pid
    process.kill()


def test_last_report_is_awaited_before_a_process_counts_as_dead(worker_is):
    worker_is("cat > /dev/null\nexit 2\n")
    process = StageProcess("sink", lambda: PLAN, 60.0, 5)
    for death in ("failed: there is no room", "ended with status 2"):
        assert process.start_if_due()
        process._process.wait(100)
        assert process.check() == ""
        if death.startswith("failed"):
            process.heard(Crashed("sink", message="there is no room"))
        assert process.check() == death
        process.replace()


def test_only_an_agreed_exit_is_no_death(worker_is):
    process = StageProcess("detector", lambda: PLAN, 60.0, 5)
    for status, how, state in ((0, "ended with status 0", "waiting"), (STAGE_ENDED, "", "ended")):
        worker_is(f"cat > /dev/null\nexit {status}\n")
        assert process.start_if_due()
        process.heard(Ready("detector"))
        process._process.wait(100)
        assert [process.check(), process.check()] == ["", how]
        assert (process.state, process.is_hopeless) == (state, False)
        process.replace() if status == 0 else process.kill()


class Held(subprocess.Popen):
    """A process that survives SIGKILL, like one blocked in the kernel by a dead mount."""

    def kill(self):
        pass


@pytest.mark.parametrize("end", [StageProcess.kill, lambda process: process.end(0.1)])
def test_process_stuck_in_the_kernel_does_not_delay_the_end(monkeypatch, worker_is, end):
    worker_is("exec sleep 300\n")
    started = []

    def start(*args, **options):
        started.append(Held(*args, **options))
        return started[0]

    monkeypatch.setattr(subprocess, "Popen", start)
    process = StageProcess("sink", lambda: PLAN, 60.0, 5)
    assert process.start_if_due()
    try:
        before = time.monotonic()
        end(process)
        assert time.monotonic() - before < 100
        assert process.state == "ended"
    finally:
        started[0].terminate()
        started[0].wait()


@pytest.fixture
def process(worker_is):
    """Makes a process that lives for half a minute, and its clock, in seconds."""
    worker_is("exec sleep 30\n")
    now = [0]

    def make(places, stream):
        place = iter(places)
        options = {"stream": stream, "progress": lambda: next(place)}
        return StageProcess("decoder", lambda: PLAN, 60.0, 2, lambda: now[0], **options), now

    return make


def dies(process, now):
    now[0] += 61
    process._process.kill()
    process._process.wait()
    assert process.check() == "was killed by signal 9, as the kernel does when memory runs out"


def hangs(process, now):
    for _ in range(61):
        now[0] += 1
        assert process.check() == ""
    process._process.wait()
    assert process.check() == "did not report for 60 s"


@pytest.mark.parametrize(
    ("how", "stream", "places", "is_hopeless"),
    [
        (hangs, "cam", [7, 7, 7], True),
        (hangs, "cam", [0, 0, 0], True),
        (hangs, "cam", [6, 7, 7], False),
        (hangs, "cam", [None] * 3, False),
        (dies, "cam", [7, 7, 7], True),
        (dies, "", [7, 7, 7], True),
        (dies, "", [0, 0, 0], True),
        (dies, "", [7, 7, 8], False),
        (dies, "", [7, None, 7], False),
        (dies, "", [None] * 3, False),
        (hangs, "", [7, 7, 7], False),  # it may be a mount whose server is gone
    ],
)
def test_process_that_keeps_dying_at_one_position_is_hopeless(
    process, how, stream, places, is_hopeless
):
    process, now = process(places, stream)
    for _ in places:
        assert not process.is_hopeless
        assert process.start_if_due()
        process.heard(Ready("decoder"))
        how(process, now)
        now[0] += 5  # its pause
    assert process.is_hopeless == is_hopeless
    assert (process.restarts, process.is_restart) == (len(places) - 1, True)
    process.replace()
    assert not process.is_hopeless
    assert process.start_if_due()
    assert (process.restarts, process.is_restart) == (len(places) - 1, False)
    process.kill()


def test_successor_starts_at_once_only_after_steady_work(process):
    process, now = process([None] * 2, "cam")
    now[0] = 1000.0
    for worked, starts in ((0.5, False), (1.0, True)):
        now[0] += 5
        assert process.start_if_due()
        process.heard(Ready("decoder"))
        now[0] += worked
        process._process.kill()
        process._process.wait()
        assert process.check()
        assert process.start_if_due() == starts
    process.kill()


def test_cause_of_death_is_not_inherited_by_a_successor(process):
    process, now = process([None] * 2, "cam")
    assert process.start_if_due()
    process.heard(Ready("decoder"))
    hangs(process, now)
    process.heard(Crashed("decoder", message="a late report"))
    now[0] += 5
    assert process.start_if_due()
    process.heard(Ready("decoder"))
    dies(process, now)


def test_user_settings_override_the_environment_of_a_stage(tmp_path, worker_is, monkeypatch):
    output = tmp_path / "said"
    worker_is(f'echo "$OMP_WAIT_POLICY $MALLOC_ARENA_MAX $OPENBLAS_NUM_THREADS $1" > {output}\n')
    monkeypatch.delenv("OMP_WAIT_POLICY", raising=False)
    monkeypatch.delenv("MALLOC_ARENA_MAX", raising=False)
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "3")
    process = StageProcess("sink", lambda: PLAN, 60.0, 5)
    assert process.start_if_due()
    process.end(60)
    assert output.read_text() == "PASSIVE 2 3 -P\n"
