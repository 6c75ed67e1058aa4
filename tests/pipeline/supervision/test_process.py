import subprocess
import sys
import time

import pytest

from pipeline.config import RunConfig
from pipeline.plan import StreamPlan, WorkerPlan
from pipeline.reports import Ready
from pipeline.supervision.process import StageProcess


def test_a_process_that_does_not_read_its_plan_yet_holds_nobody_up(tmp_path, monkeypatch):
    slow = tmp_path / "python"
    slow.write_text(f"#!/bin/sh\nsleep 30\nexec cat > {tmp_path / 'read'}\n")
    slow.chmod(0o700)
    monkeypatch.setattr(sys, "executable", str(slow))
    streams = [StreamPlan(f"camera-{n}", "rtsp://camera", "", "", n) for n in range(2000)]
    plan = WorkerPlan(
        stage="sink", config=RunConfig(), streams=streams, output="out", sockets="sockets"
    )
    process = StageProcess("sink", lambda: plan, 60.0, 5)
    before = time.monotonic()
    assert process.start_if_due()
    assert time.monotonic() - before < 20
    process.kill()


def test_a_process_that_cannot_be_started_has_died(descriptors_left):
    now = [0.0]
    plan = WorkerPlan(stage="sink", config=RunConfig(), streams=[], output="out", sockets="sockets")
    process = StageProcess("sink", lambda: plan, 60.0, 5, lambda: now[0])
    descriptors_left(2)
    assert process.start_if_due()
    assert (process.runs, process.pid) == (False, 0)
    assert process.check() == "cannot be started: too many open files"
    assert process.is_hopeless
    process.kill()
    assert process.state == "ended"


def test_a_process_that_cannot_be_started_again_for_now_is_started_later(descriptors_left):
    now = [0.0]
    plan = WorkerPlan(stage="sink", config=RunConfig(), streams=[], output="out", sockets="sockets")
    process = StageProcess("sink", lambda: plan, 60.0, 5, lambda: now[0])
    assert process.start_if_due()
    process.heard(Ready("sink"))
    process.kill()
    process.state = "waiting"
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


class Held(subprocess.Popen):
    """A process that outlasts its SIGKILL, as one that the kernel holds for a dead mount does."""

    def kill(self):
        pass


@pytest.mark.parametrize("end", [StageProcess.kill, lambda process: process.end(0.1)])
def test_a_process_that_the_kernel_holds_does_not_hold_the_end_up(tmp_path, monkeypatch, end):
    script = tmp_path / "python"
    script.write_text("#!/bin/sh\nexec sleep 30\n")
    script.chmod(0o700)
    monkeypatch.setattr(sys, "executable", str(script))
    started = []

    def start(*args, **options):
        started.append(Held(*args, **options))
        return started[0]

    monkeypatch.setattr(subprocess, "Popen", start)
    plan = WorkerPlan(stage="sink", config=RunConfig(), streams=[], output="out", sockets="sockets")
    process = StageProcess("sink", lambda: plan, 60.0, 5)
    assert process.start_if_due()
    try:
        before = time.monotonic()
        end(process)
        assert time.monotonic() - before < 20
        assert process.state == "ended"
    finally:
        started[0].terminate()
        started[0].wait()


@pytest.mark.parametrize(
    ("places", "is_hopeless"),
    [([7, 7, 7], True), ([0, 0, 0], True), ([6, 7, 7], False), ([None] * 3, False)],
)
def test_a_process_that_hangs_at_one_place_again_and_again_is_hopeless(
    tmp_path, monkeypatch, places, is_hopeless
):
    script = tmp_path / "python"
    script.write_text("#!/bin/sh\nexec sleep 30\n")
    script.chmod(0o700)
    monkeypatch.setattr(sys, "executable", str(script))
    now, place = [0], iter(places)
    plan = WorkerPlan(stage="decoder", config=RunConfig(), streams=[], output="out", sockets="s")
    process = StageProcess(
        "decoder", lambda: plan, 60.0, 2, lambda: now[0], stream="cam", place=lambda: next(place)
    )
    for _ in places:
        assert not process.is_hopeless
        assert process.start_if_due()
        process.heard(Ready("decoder"))
        for _ in range(61):
            now[0] += 1
            assert process.check() == ""
        process._process.wait()
        assert process.check() == "said nothing for 60 s"
    assert process.is_hopeless == is_hopeless
    process.replace()
    assert not process.is_hopeless
