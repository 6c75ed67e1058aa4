"""Commands that have no space to write to."""

import subprocess
import sys

import pytest

from tests.tools.processes import ENVIRONMENT


def run_without_files(*arguments, cwd):
    """Runs a command that cannot write to files, so no folder can hold temporary files."""
    shell = ["sh", "-c", 'ulimit -f 0; exec "$@"', "sh"]
    return subprocess.run(
        [*shell, sys.executable, "-m", "tools.main", *arguments],
        capture_output=True,
        text=True,
        timeout=200,
        cwd=cwd,
        env=ENVIRONMENT | {"MPLCONFIGDIR": "/dev/null/none"},
    )


@pytest.mark.parametrize("arguments", ["chaos", "bench track --plot a.png"])
def test_a_missing_temporary_folder_prints_one_error_line(tmp_path, arguments):
    if "--plot" in arguments:
        pytest.importorskip("matplotlib")
    done = run_without_files(*arguments.split(), cwd=tmp_path)
    assert done.stderr == "spotstream: there is no folder for temporary files; set TMPDIR to one\n"
    assert done.returncode == 2
    assert list(tmp_path.iterdir()) == []
