"""Training runs and their logs."""

import csv
import os
import signal

import pytest

from tests.tools.conftest import write_config
from tests.tools.processes import run_python
from tools.training.steps import Steps
from tools.training.trainer import train

TWO = {"car": ["car"], "bus": ["bus"]}


def rows(path):
    """Returns the rows of a log, without the column of seconds."""
    with path.open() as file:
        return [
            {key: value for key, value in row.items() if key != "seconds"}
            for row in csv.DictReader(file)
        ]


def stop_after(config, step):
    """Trains until a Ctrl-C in ``step``."""
    take, taken = Steps.take, []

    def stopping(*arguments):
        taken.append(arguments)
        if len(taken) == step:
            os.kill(os.getpid(), signal.SIGINT)
        return take(*arguments)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Steps, "take", stopping)
        result = train(config)
    assert not result.complete
    assert result.steps == step


def in_two_processes(config, tmp_path, program):
    """Trains with a program that patches something and then calls ``tools.entry.main``."""
    script = tmp_path / "program.py"
    script.write_text(program)
    return run_python(
        *("-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"),
        *(script, "train", write_config(config, tmp_path)),
    )
