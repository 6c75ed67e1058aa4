"""Runs of a training, and what they log."""

import csv
import os
import signal
from pathlib import Path

import pytest

from tools.training.steps import Steps
from tools.training.trainer import train

ROOT = Path(__file__).parents[3]
TWO = {"car": ["car"], "bus": ["bus"]}


def rows(path):
    """The rows of a log, but for how long each took."""
    with path.open() as file:
        return [
            {key: value for key, value in row.items() if key != "seconds"}
            for row in csv.DictReader(file)
        ]


def stop_after(config, step):
    """Trains with a Ctrl-C that comes in ``step``."""
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
