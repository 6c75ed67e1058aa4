"""Packages that not every installation has."""

from __future__ import annotations

import importlib
from importlib.util import find_spec
from typing import Any

from stages.errors import ConfigError, install_hint


def need(module: str, extra: str) -> Any:
    """Imports an optional package.

    Raises:
        ConfigError: It is not installed; the message says how to.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise ConfigError(f"this needs the package {module}: {install_hint(extra)}") from error


def installed(*modules: str) -> bool:
    """Whether all of these packages are there, without importing them."""
    return all(find_spec(module) is not None for module in modules)
