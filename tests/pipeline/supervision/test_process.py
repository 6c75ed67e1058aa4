import sys
import time

from pipeline.config import RunConfig
from pipeline.plan import StreamPlan, WorkerPlan
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
