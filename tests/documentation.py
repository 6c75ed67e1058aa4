"""Runs the Python programs in the documentation."""

import re
from pathlib import Path

FOLDER = Path(__file__).parents[1] / "docs"


def run_program(page, what, folder, monkeypatch):
    """Runs, in ``folder``, the one Python program of ``page`` that contains ``what``.

    Returns:
        Its variables.
    """
    monkeypatch.chdir(folder)
    variables = {}
    exec(compile(program(page, what), page, "exec"), variables)
    return variables


def program(page, what, language="python"):
    """Returns the one program of ``page`` in ``language`` that contains ``what``."""
    programs = re.findall(rf"```{language}\n(.+?)```", (FOLDER / page).read_text(), re.DOTALL)
    [found] = [each for each in programs if what in each]
    return found
