import random
import threading
from pathlib import Path

import pytest

from pipeline.reports import Crashed
from stages.errors import SpotStreamError
from tests.waiting import wait_for
from tools.harness.material import detections_setting, make_clip
from tools.harness.runner import run_with


def suspended(victim):
    """The names of the suspended processes."""
    return [
        name
        for name, pid in victim.supervisor.processes().items()
        if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"
    ]


def test_a_run_survives_a_suspended_and_a_killed_process(tmp_path):
    def harm(victim):
        rng = random.Random(0)
        assert victim.wait_for_frames()
        assert victim.wait(victim.is_ready)
        assert suspended(victim) == []
        with victim.one_suspended(rng):
            wait_for(lambda: len(suspended(victim)) == 1)
        wait_for(lambda: suspended(victim) == [], 30)  # before it counts as hung
        killed.append(victim.kill_one(rng))
        assert victim.wait(lambda: not victim.is_ready())
        assert victim.wait(victim.is_ready)
        assert not victim.wait(lambda: False)  # until the run has ended
        assert victim.over.is_set()
        assert victim.wait_for_frames() is None
        harmed.set()

    killed, harmed = [], threading.Event()
    clip = make_clip(tmp_path, 250)
    slow = detections_setting(clip, delay_ms=20)
    result = run_with([str(clip)], tmp_path / "out", [slow, "sink.overlay=false"], harm)
    assert harmed.is_set()
    assert result.finished["clip"].frames == 250
    assert {name: count for name, count in result.restarts.items() if count} == {killed[0]: 1}


def test_a_process_that_dies_by_itself_ends_the_run_with_an_error(tmp_path):
    def harm(victim):
        victim.wait_for_frames()
        victim.take(Crashed("sink", message="a fault"))

    clip = make_clip(tmp_path, 250)
    slow = detections_setting(clip, delay_ms=20)
    with pytest.raises(SpotStreamError, match="process died of itself: sink: a fault"):
        run_with([str(clip)], tmp_path / "out", [slow, "sink.overlay=false"], harm)
