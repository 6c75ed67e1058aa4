"""Chooses the torch device, by name or automatically."""

from __future__ import annotations

import logging

import torch

from stages.errors import ConfigError

log = logging.getLogger(__name__)


def choose_device(name: str, setting: str = "device", worker: int = 0) -> torch.device:
    """Returns the torch device with that name, after checking that it works.

    Args:
        name: ``auto``: a GPU or, if none works, the CPU; ``cuda``: a GPU; otherwise see
            `usable_device`.
        setting: Setting that names the device, for the error.
        worker: Index of this process; GPUs are assigned to processes in turn.

    Raises:
        ConfigError: See `usable_device`.
    """
    gpus = torch.cuda.device_count()  # as the driver reports, which may be too old for this torch
    if name not in ("auto", "cuda") or not gpus:
        return usable_device("cpu" if name == "auto" else name, setting)
    try:
        return usable_device(f"cuda:{worker % gpus}", setting)
    except ConfigError as error:
        if name == "cuda":
            raise
        log.warning("%s; using the CPU", error)
        return torch.device("cpu")


def usable_device(name: str, setting: str = "device") -> torch.device:
    """Returns the torch device with that name, after checking that it works.

    Args:
        name: Name such as ``cpu`` or ``cuda:1``.
        setting: Setting that names the device, for the error.

    Raises:
        ConfigError: Torch does not know the device, or it cannot be used here.
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
