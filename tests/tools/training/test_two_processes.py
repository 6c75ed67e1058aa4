"""Training in two processes that ``torchrun`` starts."""

import numpy as np
import pytest
import torch

from stages.errors import ConfigError
from tests.tools.training.runs import in_two_processes, rows
from tools.training.trainer import train

NOTED = """
import os
from pathlib import Path
import torch
from tools.entry import main
from tools.training.steps import Steps

take = Steps.take

def noted(self, batches):
    terms = take(self, batches)
    with Path(__file__).with_suffix("." + os.environ["RANK"]).open("a") as file:
        weights = torch.cat([each.flatten() for each in self._state.model.parameters()])
        print(float(terms["total"]), weights.double().square().sum().item(), file=file)
    return terms

Steps.take = noted
main()
"""


@pytest.mark.slow
def test_two_processes_keep_equal_weights_and_log_their_mean_loss(tiny_config, tmp_path):
    done = in_two_processes(tiny_config(steps=3, log_every=2), tmp_path, NOTED)
    assert done.returncode == 0, done.stderr
    losses, weights = zip(
        *(np.loadtxt(tmp_path / f"program.{rank}").T for rank in (0, 1)), strict=True
    )
    assert (losses[0] != losses[1]).all()  # of different crops
    assert (weights[0] == weights[1]).all()
    means = np.mean(losses, axis=0).tolist()
    logged = rows(tmp_path / "run" / "log.csv")
    assert [row["step"] for row in logged] == ["2", "3"]
    assert [float(row["total"]) for row in logged] == pytest.approx(means[1:], rel=1e-4)
    output = " ".join(done.stdout.split())
    assert output.count("best weights, after step 3 of 3") == 1
    with pytest.raises(ConfigError, match=r"another number of processes \(2, now 1\)"):
        train(tiny_config(steps=4, log_every=2))


BAD_IN_ONE = """
import os
from tools.entry import main
from tools.training import steps

right, taken = steps.spotnet_loss, []

def wrong(outputs, targets):
    terms = right(outputs, targets)
    taken.append(terms)
    bad = os.environ["RANK"] == "1" and len(taken) == 2
    return terms | {"total": terms["total"] * float("nan")} if bad else terms

steps.spotnet_loss = wrong
main()
"""


@pytest.mark.slow
def test_two_processes_stop_together_if_one_diverges(tiny_config, tmp_path):
    done = in_two_processes(tiny_config(steps=100_000, save_every=1), tmp_path, BAD_IN_ONE)
    errors = " ".join(done.stderr.partition("Failures:")[0].split())  # before torchrun's summary
    assert errors.count("the loss (total) is not finite in step 2;") == 1
    assert errors.count("the gradients are not finite in step 2,") == 1
    folder = tmp_path / "run"
    assert [path.name for path in folder.glob("bad_batch*")] == ["bad_batch.1.pt"]
    assert torch.load(folder / "checkpoint.pt", weights_only=True)["step"] == 1


FULL_IN_ONE = """
import os
import torch
from stages.detector.spotnet import SpotNet
from tools.entry import main

right, taken = SpotNet.forward, []

def full(self, images):
    taken.append(images)
    if os.environ["RANK"] == "1" and len(taken) == 3:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
    return right(self, images)

SpotNet.forward = full
main()
"""


@pytest.mark.slow
def test_full_memory_in_one_process_ends_both(tiny_config, tmp_path):
    done = in_two_processes(tiny_config(steps=100_000, save_every=1), tmp_path, FULL_IN_ONE)
    assert done.returncode == 1
    errors, _, cause = done.stderr.partition("Root Cause")
    assert errors.count("spotstream: the memory of cpu is full: lower batch_size") == 1
    assert "traceback : spotstream: the memory of cpu is full: lower batch_size" in cause
    assert "torch.OutOfMemoryError" not in done.stderr
