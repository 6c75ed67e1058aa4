"""The device that a user names, or leaves to us."""

from __future__ import annotations

import logging

import torch

from stages.errors import ConfigError

log = logging.getLogger(__name__)


def choose_device(name: str, setting: str = "device", turn: int = 0) -> torch.device:
    """The torch device of that name, which has been seen to work.

    Args:
        name: ``auto``: a GPU or, where there is none that works, the CPU; ``cuda``: a GPU; else
            see `usable_device`.
        setting: Where the name was given, for the error.
        turn: Which of the processes that take the GPUs in turn this is.

    Raises:
        ConfigError: See `usable_device`.
    """
    gpus = torch.cuda.device_count()  # as the driver says, which may be too old for this torch
    if name not in ("auto", "cuda") or not gpus:
        return usable_device("cpu" if name == "auto" else name, setting)
    try:
        return usable_device(f"cuda:{turn % gpus}", setting)
    except ConfigError as error:
        if name == "cuda":
            raise
        log.warning("%s; it computes on the CPU", error)
        return torch.device("cpu")


def usable_device(name: str, setting: str = "device") -> torch.device:
    """The torch device of that name, which has been seen to work.

    Args:
        name: Such as ``cpu`` or ``cuda:1``.
        setting: Where the name was given, for the error.

    Raises:
        ConfigError: Torch knows no such device, or it cannot be used here.
    """
    try:
        device = torch.device(name)
        torch.zeros(1, device=device).cpu()
    except (RuntimeError, AssertionError, torch.cuda.DeferredCudaCallError) as error:
        reason = str(error).strip().splitlines()[0].rstrip(".")
        there = ["cpu", *(f"cuda:{number}" for number in range(torch.cuda.device_count()))]
        raise ConfigError(
            f"{setting} {name} cannot be used: {reason}; this machine has {', '.join(there)}"
        ) from error
    return device
