import subprocess
import time

import pytest
from msgspec.structs import replace

from pipeline.config import RunConfig
from pipeline.plan import StreamPlan, WorkerPlan
from pipeline.reports import Crashed, Ready
from pipeline.supervision.process import StageProcess

PLAN = WorkerPlan(stage="sink", config=RunConfig(), streams=[], output="out", sockets="s")


def test_a_process_that_does_not_read_its_plan_yet_holds_nobody_up(tmp_path, worker_is):
    worker_is(f"sleep 120\nexec cat > {tmp_path / 'read'}\n")
    streams = [StreamPlan(f"camera-{n}", "rtsp://camera", "", "", n) for n in range(2000)]
    plan = replace(PLAN, streams=streams)
    process = StageProcess("sink", lambda: plan, 60.0, 5)
    before = time.monotonic()
    assert process.start_if_due()
    assert time.monotonic() - before < 100
    process.kill()


def test_a_process_that_cannot_be_started_has_died(descriptors_left):
    now = [0.0]
    process = StageProcess("sink", lambda: PLAN, 60.0, 5, lambda: now[0])
    descriptors_left(2)
    assert process.start_if_due()
    assert (process.runs, process.pid) == (False, 0)
    assert process.check() == "cannot be started: too many open files"
    assert process.is_hopeless
    process.kill()
    assert process.state == "ended"


def test_a_process_that_cannot_be_started_again_for_now_is_started_later(descriptors_left):
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
    assert not process.is_hopeless
    descriptors_left(16)
    assert not process.start_if_due()
    now[0] = 1.0
    assert process.start_if_due()
    assert process.pid
    process.kill()


def test_why_a_process_ended_is_heard_before_it_counts_as_dead(worker_is):
    worker_is("cat > /dev/null\nexit 2\n")
    process = StageProcess("sink", lambda: PLAN, 60.0, 5)
    for told in ("failed: there is no room", "ended with status 2"):
        assert process.start_if_due()
        process._process.wait(100)
        assert process.check() == ""
        if told.startswith("failed"):
            process.heard(Crashed("sink", message="there is no room"))
        assert process.check() == told
        process.replace()


class Held(subprocess.Popen):
    """A process that outlasts its SIGKILL, as one that the kernel holds for a dead mount does."""

    def kill(self):
        pass


@pytest.mark.parametrize("end", [StageProcess.kill, lambda process: process.end(0.1)])
def test_a_process_that_the_kernel_holds_does_not_hold_the_end_up(monkeypatch, worker_is, end):
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
    """Makes a process that lives for half a minute, and the time that it is told, in seconds."""
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
def test_a_process_that_dies_at_one_place_again_and_again_is_hopeless(
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
    process.replace()
    assert not process.is_hopeless


def test_a_successor_of_who_was_at_work_for_a_while_is_started_at_once_and_others_later(process):
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


def test_a_successor_dies_for_reasons_of_its_own(process):
    process, now = process([None] * 2, "cam")
    assert process.start_if_due()
    process.heard(Ready("decoder"))
    hangs(process, now)
    process.heard(Crashed("decoder", message="a late report"))
    now[0] += 5
    assert process.start_if_due()
    process.heard(Ready("decoder"))
    dies(process, now)


def test_a_stage_has_our_environment_but_where_the_user_says_otherwise(
    tmp_path, worker_is, monkeypatch
):
    said = tmp_path / "said"
    worker_is(f'echo "$OMP_WAIT_POLICY $MALLOC_ARENA_MAX $OPENBLAS_NUM_THREADS $1" > {said}\n')
    monkeypatch.delenv("OMP_WAIT_POLICY", raising=False)
    monkeypatch.delenv("MALLOC_ARENA_MAX", raising=False)
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "3")
    process = StageProcess("sink", lambda: PLAN, 60.0, 5)
    assert process.start_if_due()
    process.end(60)
    assert said.read_text() == "PASSIVE 2 3 -P\n"
