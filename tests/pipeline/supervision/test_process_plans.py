"""What a stage process is given when it starts, and which one a report is from."""

import os
import signal

import pytest
import zmq

from pipeline.config import DetectorConfig, RunConfig, RuntimeConfig
from pipeline.plan import WorkerPlan
from pipeline.reports import Failed, Ready
from pipeline.supervision.monitor import RunMonitor
from pipeline.supervision.roster import Roster
from pipeline.supervision.stage_processes import StageProcesses
from pipeline.transport.logbook import SharedNumber
from stages.decoder.locations import SourceSpec
from tests.waiting import wait_for

CONFIG = RunConfig(detector=DetectorConfig(workers=2), runtime=RuntimeConfig(restarts_per_minute=0))


@pytest.fixture
def roster(tmp_path):
    return Roster([], tmp_path, CONFIG, RunMonitor())


@pytest.fixture
def processes(tmp_path, roster, run_folder, worker_is):
    """The processes of a run with the streams north and south, of which only south has begun."""
    worker_is("exec sleep 300\n")
    processes = StageProcesses(CONFIG, tmp_path, roster, debug=True, json_log=True)
    processes.make_shared(run_folder.path)
    with zmq.Context() as context:
        for name in ("north", "south"):
            decoder = processes.make("decoder", stream=name)
            spec = SourceSpec(name, f"rtsp://{name}/live")
            roster.begin(spec, decoder, run_folder, context, only_one=False)
        roster.running["south"].logbook[SharedNumber.EPOCHS] = 1
        yield processes
        processes.kill_all()
        for name in list(roster.running):
            roster.end(name)


def test_there_is_one_process_of_each_kind_and_as_many_detectors_as_configured(processes):
    shared = ["sink", "tracker", "detector 1", "detector 2"]
    assert list(processes.states()) == [*shared, "decoder of north", "decoder of south"]


def test_shared_process_is_given_the_streams_that_have_begun(
    processes, roster, tmp_path, run_folder
):
    given_up = processes.make("sink", give_up_reason="the run ends", text_only=True)
    assert given_up._make_plan() == WorkerPlan(
        stage="sink",
        config=CONFIG,
        streams=[roster.running["south"].plan],
        output=str(tmp_path),
        sockets=run_folder.path,
        give_up_reason="the run ends",
        text_only=True,
        debug=True,
        json_log=True,
    )


def test_decoder_is_given_its_own_stream_even_before_that_has_begun(processes, roster):
    north = roster.running["north"]
    assert north.decoder._make_plan().streams == [north.plan]


def test_report_is_attributed_to_the_process_that_sent_it(processes, roster):
    sink, tracker, first, second, north, south = processes.all()
    for process, report in [
        (sink, Ready("sink", stream="north")),
        (tracker, Ready("tracker")),
        (first, Ready("detector")),
        (second, Ready("detector", 1)),
        (north, Ready("decoder", stream="north")),
        (south, Ready("decoder", stream="south")),
        (None, Ready("decoder", stream="ended")),
    ]:
        assert processes.sender(report) is process


def test_new_detector_learns_what_its_predecessor_computed_with(processes):
    processes.start_due()
    second = processes.sender(Ready("detector", 1))
    second.heard(Ready("detector", 1, detected_by="CUDA"))
    assert processes.make("detector", 1)._make_plan().detected_by == "CUDA"
    assert processes.make("detector", 0)._make_plan().detected_by == ""


def test_process_that_may_not_be_restarted_fails_at_its_first_death(processes, roster):
    processes.start_due()
    os.kill(roster.running["south"].decoder.pid, signal.SIGTERM)
    message = "the decoder of south was killed by signal 15"
    assert wait_for(processes.deaths) == [Failed("decoder", 0, "south", message=message)]
