"""Packages that are not in every installation."""

from __future__ import annotations

import importlib
from importlib.util import find_spec
from typing import Any

from stages.errors import ConfigError


def need(module: str, extra: str, user: str = "this") -> Any:
    """Imports an optional package.

    Args:
        module: Name of the package.
        extra: Extra that installs it.
        user: What needs it, for the error message.

    Raises:
        ConfigError: It is not installed; the message says how to install it.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise ConfigError(f"{user} needs the package {module}: {install_hint(extra)}") from error


def install_hint(extra: str) -> str:
    """How to install an extra."""
    return f"pip install '.[{extra}]' in the clone of SpotStream"


def installed(*modules: str) -> bool:
    """Whether all of these packages are installed, without importing them."""
    return all(find_spec(module) is not None for module in modules)
