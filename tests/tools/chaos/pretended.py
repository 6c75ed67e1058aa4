"""Fake runs, which show how a fault judges what went wrong."""

import contextlib
import json
from types import SimpleNamespace

from pipeline.supervision.result import RunResult
from stages.result_files import REPORT
from tests.summaries import summary
from tools.harness.material import NAME


class FakeVictim:
    """A run that is always ready; its frames follow after these seconds, or never if None."""

    folder = "run"
    over = SimpleNamespace(is_set=lambda: False, wait=lambda seconds: False)
    supervisor = SimpleNamespace(stop=lambda: None)

    def __init__(self, *seconds):
        self._seconds = iter(seconds)

    def is_ready(self):
        return True

    def wait(self, condition):
        return True

    def wait_for_frames(self, most=60.0):
        return next(self._seconds)

    def kill_one(self, rng):
        return "sink"

    def one_suspended(self, rng):
        return contextlib.nullcontext()


def fake_run(victim=None, *, report=None, files=None, restarts=None):
    """Returns a replacement for `run_with`, which leaves a report and files."""

    def run_with(sources, output, settings, harm=lambda victim: None):
        if victim is not None:
            harm(victim)
        folder = output / NAME
        folder.mkdir(parents=True, exist_ok=True)
        (folder / REPORT).write_text(json.dumps(report or {}))
        for name, content in (files or {}).items():
            (folder / name).write_bytes(content)
        finished = {NAME: summary(folder=str(folder))}
        return RunResult(finished, restarts=restarts or {})

    return run_with
