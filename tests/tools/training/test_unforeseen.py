"""Errors that training does not expect, such as a GPU whose memory is too small."""

import contextlib
import os
import signal
import subprocess
import sys

import yaml

from tests.tools.training.test_trainer import ROOT

FAILS = """
import sys
from pathlib import Path
from tools.training.config import load_training_config
from tools.training.steps import Steps
from tools.training.trainer import train

def fail(_, batches):
    next(batches)
    raise RuntimeError("out of memory")

Steps.take = fail
if __name__ == "__main__":
    train(load_training_config(Path(sys.argv[1])))
"""


def test_an_error_that_nobody_foresaw_ends_the_processes_that_make_crops(tiny_config, tmp_path):
    script, config = tmp_path / "fails.py", tmp_path / "train.yaml"
    script.write_text(FAILS)
    config.write_text(yaml.safe_dump(tiny_config(workers=1).model_dump(mode="json")))
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(
        [sys.executable, str(script), str(config)], cwd=ROOT, env=environment,
        stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    try:
        _, said = process.communicate(timeout=30)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    assert said.endswith("RuntimeError: out of memory\n")
