"""How a run that was asked to end does so."""

import math
import threading
from types import SimpleNamespace

import pytest

from pipeline.config import RunConfig
from pipeline.supervision.result_folders import ResultFolders
from pipeline.supervision.supervisor import Supervisor


@pytest.fixture
def supervisor(tmp_path, temporary, worker_is):
    """The supervisor of a run that waits for streams; its processes never become ready."""
    temporary(tmp_path)
    worker_is("exec sleep 300\n")
    config = RunConfig()
    results = ResultFolders([], tmp_path / "out", config, overwrite=False)
    return Supervisor(results, config, stay=True)


def test_stop_ends_a_run_that_waits_for_streams_at_once(supervisor, monkeypatch):
    monkeypatch.setattr("pipeline.supervision.supervisor._DRAIN_SECONDS", math.inf)
    over, in_time = threading.Event(), []

    def stop():
        while not supervisor.processes() and not over.wait(0.01):
            pass
        supervisor.stop()
        in_time.append(over.wait(60))
        supervisor.stop()  # which ends it in any case

    thread = threading.Thread(target=stop)
    thread.start()
    try:
        result = supervisor.run()
    finally:
        over.set()
        thread.join()
    assert (result.exit_code, in_time) == (130, [True])


def test_run_is_overdue_only_while_no_results_are_being_completed(supervisor, run_folder):
    supervisor._processes.make_shared(run_folder.path)
    stream = SimpleNamespace(completing=False)
    supervisor._roster.running["cam"] = stream
    assert not supervisor._is_overdue  # nobody has asked the run to end
    supervisor._stopping_since = -math.inf
    assert supervisor._is_overdue
    stream.completing = True
    assert not supervisor._is_overdue
    stream.completing = False
    supervisor._processes.sink.busy = True  # such as with what an earlier sink left
    assert not supervisor._is_overdue
