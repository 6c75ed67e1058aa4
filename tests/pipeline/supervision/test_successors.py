"""When a process that died is started again, and what its successor begins with."""

import os
import signal

import pytest

from pipeline.config import RunConfig
from pipeline.plan import WorkerPlan
from pipeline.reports import Busy, Ready
from pipeline.supervision.process import StageProcess
from tests.waiting import wait_for

PLAN = WorkerPlan(stage="sink", config=RunConfig(), streams=[], output="out", sockets="s")


@pytest.fixture
def now():
    """The time on the clock of the processes, in seconds."""
    return [0.0]


@pytest.fixture
def process(worker_is, now):
    """A process that lives for half a minute and may die often."""
    worker_is("exec sleep 30\n")
    process = StageProcess("sink", lambda: PLAN, 60.0, 99, lambda: now[0])
    assert process.start_if_due()
    yield process
    process.kill()


def killed(process, number=signal.SIGKILL):
    """Sends the process a signal; returns how it died."""
    os.kill(process.pid, number)
    return wait_for(process.check)


def test_successor_does_not_inherit_a_busy_or_hung_state(process, now):
    process.heard(Ready("sink"))
    for now[0] in range(61):
        assert process.check() == ""
    now[0] = 61
    assert wait_for(process.check) == "did not report for 60 s"
    now[0] += 5
    assert process.start_if_due()
    process.heard(Busy("sink"))
    assert killed(process, signal.SIGTERM) == "was killed by signal 15"  # no hint at memory
    now[0] += 5
    assert process.start_if_due()
    assert not process.busy


def test_report_that_arrives_after_a_process_died_is_ignored(process):
    assert killed(process)
    process.heard(Ready("sink"))
    assert process.state == "waiting"


def test_pauses_between_starts_grow_until_one_was_steady(process, now):
    def dies_and_is_due_after(pause):
        assert killed(process)
        assert not process.is_hopeless
        if pause:
            now[0] += pause - 0.01
            assert not process.start_if_due()
            now[0] += 0.02
        return process.start_if_due()

    for pause in (0.1, 0.2):
        assert dies_and_is_due_after(pause)
    now[0] += 9.0
    process.heard(Ready("sink"))
    assert dies_and_is_due_after(0.4)
    process.heard(Ready("sink"))
    now[0] += 1.0
    for pause in (0.0, 0.1):
        assert dies_and_is_due_after(pause)


def test_deaths_under_another_plan_do_not_count(worker_is):
    worker_is("cat > /dev/null\nexit 2\n")
    process = StageProcess("sink", lambda: PLAN, 60.0, 0, lambda: 0.0)
    assert process.start_if_due()
    assert wait_for(process.check) == "ended with status 2"
    assert process.is_hopeless
    process.replace()
    assert not process.is_hopeless
    assert process.start_if_due()
    process.kill()
