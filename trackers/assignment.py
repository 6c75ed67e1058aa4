"""SciPy's linear assignment, without what else `scipy.optimize` imports."""

from __future__ import annotations

import importlib.machinery
import importlib.util
from types import ModuleType


def _solver() -> ModuleType:
    """Loads the compiled module with the solver, which takes a millisecond.

    `scipy.optimize` takes up to a second of a process's start, and 40 MB. It is imported where a
    release of SciPy keeps the solver elsewhere.
    """
    package = importlib.util.find_spec("scipy")
    folders = (package and package.submodule_search_locations) or []
    spec = importlib.machinery.PathFinder.find_spec("_lsap", [f"{f}/optimize" for f in folders])
    if spec is None or not isinstance(spec.loader, importlib.machinery.ExtensionFileLoader):
        import scipy.optimize

        return scipy.optimize
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


linear_sum_assignment = _solver().linear_sum_assignment
