"""The device that a user names."""

from __future__ import annotations

import torch

from stages.errors import ConfigError


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
    except (RuntimeError, AssertionError) as error:
        reason = str(error).strip().splitlines()[0].rstrip(".")
        there = ["cpu", *(f"cuda:{number}" for number in range(torch.cuda.device_count()))]
        raise ConfigError(
            f"{setting} {name} cannot be used: {reason}; this machine has {', '.join(there)}"
        ) from error
    return device
