import contextlib
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from stages.errors import ConfigError, OutputError, SpotStreamError
from tests.tools.processes import ENVIRONMENT, run_python
from tools.workers import StoppedError, Workers


def double(job, *, advance, stopped):
    advance(job)
    return 2 * job


def wait_for_stop(job, *, advance, stopped):
    while job and not stopped():
        time.sleep(0.01)
    if job:
        raise StoppedError
    return job


def refuse(job, *, advance, stopped):
    raise OutputError(f"cannot write {job}")


def die(job, *, advance, stopped):
    os.kill(os.getpid(), signal.SIGKILL)


def err(job, *, advance, stopped):
    raise ValueError(f"no {job}")


class TwoPartError(Exception):
    def __init__(self, what, where):
        super().__init__(f"{what} in {where}")


def err_in_two_parts(job, *, advance, stopped):
    raise TwoPartError(job, "the dark")


def err_at_once_or_double(job, *, advance, stopped):
    if job == 0:
        raise ValueError("at once")
    time.sleep(0.3)
    return 2 * job


def own_process(job, *, advance, stopped):
    time.sleep(0.02 * (5 - job))  # the first job is the last to finish
    return job, os.getpid()


def nothing(job, *, advance, stopped):
    return None


@pytest.mark.parametrize("count", [1, 2, 9])
def test_every_job_is_done_once(count):
    advanced, finished = [], []
    with Workers(count) as workers:
        done = list(workers.do_all(double, range(5), advanced.append, finished.append))
    assert done == sorted(finished) == [0, 2, 4, 6, 8]
    assert sorted(advanced) == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("count", [1, 2])
def test_jobs_may_return_none(count):
    with Workers(count) as workers:
        assert list(workers.do_all(nothing, [None, None, None])) == [None, None, None]
        assert list(workers.do_all(nothing, [])) == []


def test_workers_are_reused_and_results_keep_the_job_order():
    with Workers(2) as workers:
        rounds = [list(workers.do_all(own_process, range(5))) for _ in range(2)]
        assert len(multiprocessing.active_children()) == 2
    assert [[job for job, _ in each] for each in rounds] == [[0, 1, 2, 3, 4]] * 2
    assert len({process for each in rounds for _, process in each}) <= 2
    assert not multiprocessing.active_children()


def test_an_inaccessible_current_folder_is_reported(tmp_path, monkeypatch):
    folder, user = tmp_path / "closed", os.geteuid()
    folder.mkdir()
    monkeypatch.chdir(folder)
    folder.chmod(0)
    if user == 0:
        os.seteuid(65534)
    try:
        expected = f"may not enter the current folder, {folder}; "
        with Workers(2) as workers, pytest.raises(ConfigError, match=expected):
            list(workers.do_all(double, range(2)))
    finally:
        os.seteuid(user)
        folder.chmod(0o700)


def test_closing_the_results_stops_the_other_workers():
    with Workers(2) as workers:
        results = workers.do_all(wait_for_stop, [0, 1, 1, 1])
        assert next(results) == 0
        results.close()
        assert not multiprocessing.active_children()


@pytest.mark.parametrize("count", [1, 2])
def test_an_error_in_a_job_is_raised_and_nothing_is_printed(count, capsys):
    with pytest.raises(OutputError, match="cannot write a"), Workers(count) as workers:
        list(workers.do_all(refuse, ["a", "a"]))
    assert capsys.readouterr().err == ""
    assert not multiprocessing.active_children()


def test_a_bug_in_a_job_is_raised_with_the_worker_traceback():
    with Workers(2) as workers, pytest.raises(ValueError, match="no job") as caught:
        list(workers.do_all(err, ["job", "job"]))
    assert "in err\n" in "".join(caught.value.__notes__)
    assert not multiprocessing.active_children()


def test_an_exception_that_cannot_be_unpickled_becomes_a_runtime_error():
    expected = "TwoPartError: job in the dark"
    with Workers(2) as workers, pytest.raises(RuntimeError, match=expected) as caught:
        list(workers.do_all(err_in_two_parts, ["job", "job"]))
    assert "in err_in_two_parts\n" in "".join(caught.value.__notes__)


def test_results_left_by_a_failed_round_do_not_leak_into_the_next():
    with Workers(2) as workers:
        with pytest.raises(ValueError, match="at once"):
            list(workers.do_all(err_at_once_or_double, [1, 0]))
        assert list(workers.do_all(double, [10, 20, 30])) == [20, 40, 60]


def test_a_dead_worker_raises_a_one_line_error():
    expected = "a worker process died, perhaps for lack of memory"
    with Workers(2) as workers, pytest.raises(SpotStreamError, match=expected):
        list(workers.do_all(die, range(4)))
    assert not multiprocessing.active_children()


ORPHANS = """
import os, time
from pathlib import Path
from tools.workers import Workers

def work(job, *, advance, stopped):
    Path(str(job)).write_text(str(os.getpid()))
    time.sleep(1000)

if __name__ == "__main__":
    with Workers(2) as workers:
        list(workers.do_all(work, range(2)))
"""


def test_workers_of_a_killed_parent_die_at_once(tmp_path):
    """Otherwise they would keep writing where a second run writes."""
    script = tmp_path / "orphans.py"
    script.write_text(ORPHANS)
    with subprocess.Popen([sys.executable, script], cwd=tmp_path, env=ENVIRONMENT) as parent:
        files = [tmp_path / "0", tmp_path / "1"]
        while not all(file.exists() and file.read_text() for file in files):
            assert parent.poll() is None
            time.sleep(0.02)
        parent.kill()
    for file in files:
        while (state := Path(f"/proc/{file.read_text()}/stat")).exists():
            with contextlib.suppress(OSError):
                if state.read_text().split()[2] == "Z":
                    break
            time.sleep(0.02)


INTERRUPTED = """
import os, signal
from tools.workers import Workers

def double(job, *, advance, stopped):
    return 2 * job

if __name__ == "__main__":
    with Workers(2) as workers:
        print(list(workers.do_all(double, [1, 2, 3])))
else:  # imported by a worker that starts
    os.kill(os.getpid(), signal.SIGINT)
"""


STOPPING = """
import multiprocessing, os, signal, sys, time
from tools.workers import Workers

def interrupt(job, *, advance, stopped):
    if job == "first":
        os.kill(os.getppid(), signal.SIGINT)
    while not stopped():
        time.sleep(0.01)
    if job == sys.argv[1]:
        os.kill(os.getppid(), signal.SIGINT)
        time.sleep(1000)

if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background has none
    try:
        with Workers(2) as workers:
            list(workers.do_all(interrupt, ["first", "second"]))
    except KeyboardInterrupt:
        print(multiprocessing.active_children())
"""


@pytest.mark.parametrize("again", ["no", "first", "second"])
def test_an_interrupt_is_reported_and_a_second_one_ends_at_once(tmp_path, again):
    script = tmp_path / "stopping.py"
    script.write_text(STOPPING)
    done = run_python(script, again)
    assert (done.stdout, done.stderr) == ("[]\n", "stopping; once more ends at once\n")


def test_an_interrupt_while_workers_start_is_left_to_the_parent(tmp_path):
    script = tmp_path / "interrupted.py"
    script.write_text(INTERRUPTED)
    done = run_python(script)
    assert (done.stdout, done.stderr) == ("[2, 4, 6]\n", "")
