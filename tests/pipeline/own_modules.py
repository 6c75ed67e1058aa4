"""Commands that find a class of the user's own in a module on ``PYTHONPATH``."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

from tests.tools.processes import ROOT, spotstream


def commands_with(
    folder: Path, name: str, source: str
) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Returns a function that runs ``spotstream`` in a folder with a module.

    Args:
        folder: The folder.
        name: Of the class, ``package.module:Class``.
        source: Of the module.
    """
    package, module = name.partition(":")[0].split(".")
    library = folder / "lib"
    (library / package).mkdir(parents=True)
    (library / package / f"{module}.py").write_text(source)

    def run(*arguments: object) -> subprocess.CompletedProcess[str]:
        return spotstream(*arguments, cwd=folder, PYTHONPATH=f"{ROOT}{os.pathsep}{library}")

    return run
