"""How a supervisor begins streams, and ends a run that was asked to end."""

import math
import threading
from types import SimpleNamespace

import pytest
import zmq

from pipeline.config import RunConfig
from pipeline.reports import Ready
from pipeline.signals import STAGE_END
from pipeline.supervision.result_folders import ResultFolders
from pipeline.supervision.supervisor import Supervisor
from stages.decoder.locations import SourceSpec


@pytest.fixture
def supervisor(tmp_path, temporary, worker_is):
    """The supervisor of a run that waits for streams; its processes never become ready."""
    temporary(tmp_path)
    worker_is("exec sleep 300\n")
    config = RunConfig()
    results = ResultFolders([], tmp_path / "out", config, overwrite=False)
    supervisor = Supervisor(results, config, stay=True)
    yield supervisor
    supervisor._processes.kill_all()


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
    supervisor._roster.running.clear()


def test_decoder_of_a_stream_removed_while_it_starts_is_asked_to_end_once_ready(
    supervisor, run_folder
):
    roster = supervisor._roster
    roster.add("rtsp://cam/live", "cam")
    supervisor._processes.make_shared(run_folder.path)
    with zmq.Context() as context:
        supervisor._begin_streams(SimpleNamespace(folder=run_folder, context=context))
        supervisor._start_due()
        roster.remove("cam")
        supervisor._handle(Ready("decoder", stream="cam"))
        assert roster.running["cam"].decoder._process.wait(10) == -STAGE_END
        roster.end("cam")


@pytest.mark.parametrize(
    ("stay", "added", "only_one"),
    [(False, [], True), (False, ["south"], False), (True, [], False), (True, ["south"], False)],
)
def test_only_streams_of_a_service_from_its_start_retry_a_refused_password(
    tmp_path, run_folder, stay, added, only_one
):
    config, spec = RunConfig(), SourceSpec("north", "rtsp://north/live")
    results = ResultFolders([spec], tmp_path / "out", config, overwrite=False)
    supervisor = Supervisor(results, config, stay=stay)
    roster = supervisor._roster
    for name in added:
        roster.add(f"rtsp://{name}/live", name)
    with zmq.Context() as context:
        supervisor._begin_streams(SimpleNamespace(folder=run_folder, context=context))
        plans = [roster.end(name).plan for name in list(roster.running)]
    results.release()
    assert [plan.patient for plan in plans] == [stay] + [False] * len(added)
    assert plans[0].only_one is only_one
