"""Commands that find no room for what they write."""

import subprocess
import sys

import pytest

from tests.tools.processes import ENVIRONMENT


def without_files(*arguments, cwd):
    """Runs a command that may write into no file, so that no folder serves for temporary ones."""
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
def test_no_folder_for_temporary_files_is_answered_in_one_line(tmp_path, arguments):
    if "--plot" in arguments:
        pytest.importorskip("matplotlib")
    done = without_files(*arguments.split(), cwd=tmp_path)
    assert done.stderr == "spotstream: there is no folder for temporary files; set TMPDIR to one\n"
    assert done.returncode == 2
    assert list(tmp_path.iterdir()) == []
