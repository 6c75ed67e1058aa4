"""Unexpected ends of training, such as a GPU or a computer that runs out of memory."""

import contextlib
import os
import signal
import subprocess
import sys

import pytest

from tests.tools.conftest import write_config
from tests.tools.processes import ENVIRONMENT

FAILS = """
import os
import signal
import sys
from pathlib import Path
from tools.training.config import load_training_config
from tools.training.steps import Steps
from tools.training.trainer import train

def fail(_, batches):
    next(batches)
    {what}

Steps.take = fail
if __name__ == "__main__":
    train(load_training_config(Path(sys.argv[1])))
"""


@pytest.mark.parametrize(
    ("what", "end"),
    [
        ('raise RuntimeError("out of memory")', "RuntimeError: out of memory\n"),
        ("os.kill(os.getpid(), signal.SIGKILL)", ""),
    ],
    ids=["raised", "killed"],
)
def test_workers_end_with_the_training_process(tiny_config, tmp_path, what, end):
    """All of them hold the standard error whose end `communicate` waits for."""
    script, config = tmp_path / "fails.py", write_config(tiny_config(workers=1), tmp_path)
    script.write_text(FAILS.format(what=what))
    process = subprocess.Popen(
        [sys.executable, str(script), str(config)], env=ENVIRONMENT,
        stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    try:
        _, stderr = process.communicate(timeout=200)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    assert stderr.endswith(end)
