"""Loads networks from weights files specified by the user."""

from __future__ import annotations

from pathlib import Path

import torch

from stages.detector.shipped import SHIPPED, find_weights
from stages.detector.spotnet import CheckpointError, SpotNet
from stages.detector.spotnet.checkpoint import check_file
from stages.errors import ConfigError

_BEGINNING = 4096  # bytes, which contain the first element of an OpenVINO model


def load_network(
    weights: Path | None = None,
    device: torch.device | str = "cpu",
    *,
    fused: bool = True,
    setting: str = "",
) -> SpotNet:
    """Loads the network of a weights file, for inference.

    Args:
        weights: See `find_weights`.
        device: Device for the network.
        fused: Whether to fold the batch norms, see `SpotNet.fused`.
        setting: Setting that names the file, for the error.

    Raises:
        ConfigError: The weights do not load.
    """
    file = find_weights(weights)
    try:
        check_is_there(file)
        network = SpotNet.from_checkpoint(file, device)
    except CheckpointError as error:
        raise ConfigError(f"{setting}: {error}" if setting else str(error)) from error
    return network.fused() if fused else network


def check_is_there(file: Path) -> None:
    """Checks that a weights file specified by the user exists.

    Raises:
        CheckpointError: It does not; the message lists the names of weights that ship.
    """
    if not file.exists():
        raise CheckpointError(f"no weights file {file}; shipped are {', '.join(SHIPPED)}")


def check_exported(model: Path) -> None:
    """Checks that the file of an exported model can be a model.

    Raises:
        ConfigError: The file is missing or empty, or an ``.xml`` does not describe a network.
    """
    try:
        check_is_there(model)
        check_file(model)
    except CheckpointError as error:
        raise ConfigError(str(error)) from error
    # OpenVINO would try to read the file in all its other formats.
    if model.suffix.lower() == ".xml" and b"<net" not in _beginning(model):
        raise ConfigError(f"{model} is not an OpenVINO model, or was cut off")


def _beginning(file: Path) -> bytes:
    with file.open("rb") as opened:
        return opened.read(_BEGINNING)
