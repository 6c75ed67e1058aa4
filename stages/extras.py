"""Optional packages, which not every installation has."""

from __future__ import annotations

import importlib
import os
import shlex
import sys
from importlib.util import find_spec
from typing import Any

from stages.errors import ConfigError

_FROM_CLONE = "pip install '.[{}]' in the clone of SpotStream"


def require(module: str, extra: str, user: str) -> Any:
    """Imports an optional package.

    Args:
        module: Name of the package.
        extra: Extra that installs it.
        user: What needs the package, for the error message.

    Raises:
        ConfigError: The package is not installed; the message says how to install it.
    """
    disable_telemetry()
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise ConfigError(f"{user} needs the package {module}: {install_hint(extra)}") from error


def install_hint(extra: str) -> str:
    """Returns how to install an extra: from the clone, or its packages if there is no clone."""
    from importlib.metadata import PackageNotFoundError, distribution  # here: it is slow

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


def disable_telemetry() -> None:
    """Keeps ONNX Runtime and OpenVINO from reporting their use over the network.

    This also keeps them from writing to the home folder. An environment variable that is set, or a
    package that is already imported, is not changed.
    """
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]


def installed(*modules: str) -> bool:
    """Returns whether all of these packages are installed, without importing them."""
    return all(find_spec(module) is not None for module in modules)
