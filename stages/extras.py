"""Packages that are not in every installation."""

from __future__ import annotations

import importlib
import os
import shlex
import sys
from importlib.util import find_spec
from typing import Any

from stages.errors import ConfigError

_FROM_CLONE = "pip install '.[{}]' in the clone of SpotStream"


def need(module: str, extra: str, user: str) -> Any:
    """Imports an optional package.

    Args:
        module: Name of the package.
        extra: Extra that installs it.
        user: What needs it, for the error message.

    Raises:
        ConfigError: It is not installed; the message says how to install it.
    """
    report_nothing()
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise ConfigError(f"{user} needs the package {module}: {install_hint(extra)}") from error


def install_hint(extra: str) -> str:
    """How to install an extra: from the clone, or what it consists of where there is none."""
    from importlib.metadata import PackageNotFoundError, distribution  # here: it takes long

    try:
        ours = distribution("spotstream")
    except PackageNotFoundError:  # run from a clone that is not installed
        return _FROM_CLONE.format(extra)
    if "dir_info" in (ours.read_text("direct_url.json") or ""):
        return _FROM_CLONE.format(extra)
    parts = [each.partition(";") for each in ours.requires or ()]
    condition = f"extra == '{extra}'"
    wanted = [what for what, _, when in parts if when.strip().replace('"', "'") == condition]
    return f"pip install {shlex.join(wanted)}"


def report_nothing() -> None:
    """Keeps ONNX Runtime and OpenVINO from reporting over the network that they are imported.

    Neither then writes to the home folder. A variable that is set, or a package that is imported
    already, stays as it is.
    """
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]


def installed(*modules: str) -> bool:
    """Whether all of these packages are installed, without importing them."""
    return all(find_spec(module) is not None for module in modules)
