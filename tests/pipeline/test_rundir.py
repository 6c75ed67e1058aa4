import multiprocessing
import os
from pathlib import Path

from pipeline.rundir import RunFolder, running


def _start_and_end(times):
    lost = 0
    for _ in range(times):
        folder = RunFolder("out")
        lost += not Path(folder.path).exists()
        folder.close()
    return lost


def test_runs_that_start_at_once_leave_each_other_alone(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    with multiprocessing.get_context("spawn").Pool(4) as pool:
        assert pool.map(_start_and_end, [400] * 4, chunksize=1) == [0] * 4
    assert list(tmp_path.iterdir()) == []


def test_a_run_is_found_while_it_goes_on(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    folder = RunFolder("out")
    (run,) = running()
    assert (run.pid, run.output, run.folder) == (os.getpid(), "out", Path(folder.path))
    folder.close()
    assert running() == []
