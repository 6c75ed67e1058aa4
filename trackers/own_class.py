"""Finds a class of the user's own by its name, ``package.module:Class``."""

from __future__ import annotations

from importlib import import_module
from types import ModuleType


def own_class(name: str) -> type:
    """Imports a module from what is installed or on PYTHONPATH, and returns a class in it.

    Args:
        name: ``package.module:Class``.

    Raises:
        ValueError: The name is malformed, the module cannot be imported, or has no such class.
    """
    module, colon, class_name = name.partition(":")
    if not colon or not module or module.startswith("."):
        raise ValueError("the name must be package.module:Class")
    chosen = getattr(_imported(module), class_name, None)
    if not isinstance(chosen, type):
        raise ValueError(f"module {module} has no class {class_name!r}")
    return chosen


def _imported(module: str) -> ModuleType:
    try:
        return import_module(module)
    except (Exception, SystemExit) as error:
        missing = error.name if isinstance(error, ModuleNotFoundError) else None
        if missing is not None and f"{module}.".startswith(f"{missing}."):
            problem = f"there is no module {missing}; install it, or add its folder to PYTHONPATH"
            raise ValueError(problem) from None
        raise ValueError(f"importing {module} failed: {typed_line(error)}") from error


def typed_line(error: BaseException) -> str:
    """Returns the type and the message of an error of the user's code, in one line."""
    return " ".join(f"{type(error).__name__}: {error}".split())
