from pathlib import Path

import pytest
import torch

from stages.errors import ConfigError
from tools.training.processes import Processes, training_processes


@pytest.fixture(autouse=True)
def second_of_two(monkeypatch):
    given = {"WORLD_SIZE": "2", "RANK": "1", "LOCAL_RANK": "1"}
    for name, value in (given | {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "1"}).items():
        monkeypatch.setenv(name, value)


@pytest.mark.parametrize("device", ["auto", "cuda"])
def test_each_process_has_its_own_gpu(device, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setenv("RANK", "0")  # the rank counts processes of all computers
    joined = training_processes(device)
    with pytest.raises(ConfigError, match="device cuda:1 cannot be used"), joined:
        pass


def test_one_gpu_for_all_processes_is_rejected():
    joined = training_processes("cuda:0")
    with pytest.raises(ConfigError, match="cuda:0 cannot be that of all 2 processes"), joined:
        pass


@pytest.mark.parametrize("unset", ["RANK, LOCAL_RANK, MASTER_ADDR, MASTER_PORT", "LOCAL_RANK"])
@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_missing_torchrun_variables_are_reported(device, unset, monkeypatch):
    for name in unset.split(", "):
        monkeypatch.delenv(name)
    joined = training_processes(device)
    with pytest.raises(ConfigError, match=f"^WORLD_SIZE is 2 without {unset}: "), joined:
        pass


@pytest.mark.parametrize("stated", ["abc", "0", "-1", "²"])
def test_invalid_number_of_processes_is_reported(monkeypatch, stated):
    monkeypatch.setenv("WORLD_SIZE", stated)
    with pytest.raises(ConfigError, match=f"^WORLD_SIZE must be .* got {stated};"):
        training_processes("cpu").__enter__()


def test_empty_variables_count_as_unset(monkeypatch):
    for name in ("WORLD_SIZE", "RANK"):
        monkeypatch.setenv(name, "")
    with training_processes("cpu") as processes:
        assert processes == Processes(0, 1, torch.device("cpu"))


def test_each_of_several_processes_has_its_own_file_names():
    file, cpu = Path("run/bad_batch.pt"), torch.device("cpu")
    assert Processes(1, 2, cpu).own(file) == Path("run/bad_batch.1.pt")
    assert Processes(0, 1, cpu).own(file) == file
