"""Commands and programs run in their own processes."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
ENVIRONMENT = os.environ | {"PYTHONPATH": str(ROOT)}


def run_python(*arguments, cwd=None, **variables):
    """Runs Python to its end; it finds our modules from any folder."""
    return subprocess.run(
        [sys.executable, *map(str, arguments)],
        cwd=cwd,
        env=ENVIRONMENT | variables,
        capture_output=True,
        text=True,
        timeout=280,
    )


def spotstream(*arguments, cwd=None, **variables):
    """Runs a command as a person types it."""
    return run_python("-m", "tools.main", *arguments, cwd=cwd, **variables)
