"""Several training processes, one per device, as started by ``torchrun``."""

from __future__ import annotations

import datetime
import os
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, distributed, nn
from torch.nn.parallel import DistributedDataParallel

from stages.detector.engines.device import choose_device, usable_device
from stages.errors import ConfigError
from tools.training.torchrun import OtherProcessEndedError

_LONGEST_VALIDATION = datetime.timedelta(days=1)
"""How long processes wait for process 0 to validate, or for a process that hangs."""

_SET_BY_TORCHRUN = ("RANK", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT")


@dataclass(frozen=True, slots=True)
class Processes:
    """The role of this process among the training processes.

    Attributes:
        rank: 0-based rank of this process; process 0 writes and validates.
        count: Number of processes.
        device: Device of this process.
    """

    rank: int
    count: int
    device: torch.device

    @property
    def leads(self) -> bool:
        """Whether this process writes files and prints to the user."""
        return self.rank == 0

    def spread(self, model: nn.Module) -> nn.Module:
        """Wraps ``model`` so that its gradients are averaged over all processes."""
        if self.count == 1:
            return model
        devices = [self.device] if self.device.type == "cuda" else None
        return DistributedDataParallel(model, device_ids=devices)

    def own(self, path: Path) -> Path:
        """Returns ``path``, with the rank in its name if there are several processes."""
        return path if self.count == 1 else path.with_stem(f"{path.stem}.{self.rank}")

    def any(self, here: bool) -> bool:
        """Returns whether ``here`` is True in any process; all must call it."""
        if self.count == 1:
            return here
        flag = torch.tensor([float(here)], device=self.device)
        distributed.all_reduce(flag, op=distributed.ReduceOp.MAX)
        return bool(flag.item())

    def mean(self, values: Mapping[str, Tensor]) -> dict[str, float]:
        """Returns the mean of each value over all processes; all must call it."""
        here = torch.stack(list(values.values()))
        if self.count > 1:
            distributed.all_reduce(here)
            here /= self.count
        return dict(zip(values, here.tolist(), strict=True))

    def wait(self) -> None:
        """Waits until all processes have called it."""
        self.any(False)


@contextmanager
def training_processes(device: str = "auto") -> Iterator[Processes]:
    """Joins the other processes if ``torchrun`` started several.

    Raises:
        ConfigError: The device cannot be used or is a single GPU for several processes, or several
            processes were not started by ``torchrun``.
        OtherProcessEndedError: Another process ended before this one could exchange data with it.
    """
    stated = os.environ.get("WORLD_SIZE") or "1"
    if not (stated.isascii() and stated.isdigit() and int(stated) > 0):
        raise ConfigError(f"WORLD_SIZE must be a number of processes, got {stated}; or unset it")
    count, rank = int(stated), int(os.environ.get("RANK") or "0")
    missing = [name for name in _SET_BY_TORCHRUN if name not in os.environ]
    if count > 1 and missing:
        raise ConfigError(
            f"WORLD_SIZE is {count} without {', '.join(missing)}: start several processes with "
            f"torchrun, or unset WORLD_SIZE for one"
        )
    chosen = choose_device(device) if count == 1 else usable_device(_own_device(device))
    if chosen.type == "cuda":
        torch.cuda.set_device(chosen)
    if count == 1:
        yield Processes(0, 1, chosen)
        return
    backend = "nccl" if chosen.type == "cuda" else "gloo"
    distributed.init_process_group(backend, timeout=_LONGEST_VALIDATION)
    try:
        yield Processes(rank, count, chosen)
    except RuntimeError as error:
        # Gloo's error has no type of its own.
        if isinstance(error, distributed.DistError) or "gloo/transport" in str(error):
            raise OtherProcessEndedError("another of the training processes has ended") from error
        raise
    # Skipped after an error, where it would deadlock with the other processes.
    distributed.destroy_process_group()


def _own_device(device: str) -> str:
    """Returns the device of one of several processes; none uses the CPU if others have GPUs."""
    if device.startswith("cuda:"):
        raise ConfigError(
            f"device {device} cannot be that of all {os.environ['WORLD_SIZE']} processes: "
            f"with device cuda, each has its own"
        )
    if device == "cuda" or (device == "auto" and torch.cuda.is_available()):
        return f"cuda:{os.environ['LOCAL_RANK']}"
    return "cpu" if device == "auto" else device


def without_averaging(model: nn.Module, last: bool) -> AbstractContextManager[None]:
    """Defers the averaging of gradients until the ``last`` pass of a step."""
    if isinstance(model, DistributedDataParallel) and not last:
        return model.no_sync()
    return nullcontext()
