"""SciPy's linear assignment, without the other imports of `scipy.optimize`."""

from __future__ import annotations

import importlib.machinery
import importlib.util
from types import ModuleType


def _solver() -> ModuleType:
    """Loads the compiled module with the solver, which takes a millisecond.

    `scipy.optimize` adds up to a second and 40 MB to the start of a process. It is imported only if
    a release of SciPy keeps the solver elsewhere.
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
