"""A running stream: its decoder's plan and end, and what is released afterwards."""

import subprocess
from pathlib import Path

import pytest
import zmq

from pipeline.addresses import endpoint
from pipeline.config import RunConfig, RuntimeConfig
from pipeline.plan import StreamPlan, WorkerPlan
from pipeline.reports import Ready
from pipeline.signals import STAGE_END
from pipeline.supervision.monitor import RunMonitor
from pipeline.supervision.process import StageProcess
from pipeline.supervision.roster import Roster
from pipeline.transport.envelope import MAX_POSITION
from pipeline.transport.feedback import Acknowledged, decode_feedback
from stages.decoder.locations import SourceSpec


@pytest.fixture
def feedback(run_folder):
    """The socket at which the decoder of the first stream receives feedback."""
    with zmq.Context() as context, context.socket(zmq.PULL) as feedback:
        feedback.bind(endpoint(run_folder.path, RuntimeConfig(), "ack-0"))
        yield feedback


def received(feedback):
    assert feedback.poll(30_000)
    return decode_feedback(feedback.recv())


@pytest.fixture
def roster(tmp_path, run_folder, feedback, worker_is):
    """A roster with one running stream, whose decoder's process has started."""
    worker_is("exec sleep 300\n")
    plan = WorkerPlan(stage="decoder", config=RunConfig(), streams=[], output="out", sockets="s")
    decoder = StageProcess("decoder", lambda: plan, 60.0, 5)
    decoder.start_if_due()
    roster = Roster([], tmp_path, RunConfig(), RunMonitor())
    spec = SourceSpec("cam", "rtsp://cam/live")
    roster.begin(spec, decoder, run_folder, feedback.context, only_one=True)
    yield roster
    decoder.kill()
    for name in list(roster.running):
        roster.end(name)


def test_decoder_plan_holds_what_is_known_of_the_source(tmp_path, run_folder):
    spec = SourceSpec("M1", str(tmp_path / "M1"), "mot", of_data_set=True, frame_rate="30")
    roster = Roster([], tmp_path, RunConfig(), RunMonitor())
    decoder = StageProcess("decoder", lambda: None, 60.0, 5)
    with zmq.Context() as context:
        roster.begin(spec, decoder, run_folder, context, only_one=True, patient=True)
        plan = roster.end("M1").plan
    assert plan == StreamPlan("M1", spec.location, "mot", "30", 0, only_one=True, patient=True)


@pytest.mark.parametrize(
    "stop", [lambda roster: roster.remove("cam"), lambda roster: roster.stop()]
)
def test_decoder_of_a_stopped_stream_is_asked_to_end_once_it_is_ready(roster, stop):
    stream = roster.running["cam"]
    stop(roster)
    with pytest.raises(subprocess.TimeoutExpired):
        stream.decoder._process.wait(0.1)
    stream.decoder.heard(Ready("decoder", stream="cam"))
    stop(roster)
    assert stream.decoder._process.wait(10) == -STAGE_END


def test_end_of_a_stream_lets_its_decoder_end_and_releases_its_memory(roster, run_folder, feedback):
    before = {path.name for path in Path(run_folder.path).iterdir()}
    roster.running["cam"].send(Acknowledged(1))
    assert received(feedback) == Acknowledged(1)  # so they are connected
    roster.end("cam")
    assert received(feedback) == Acknowledged(MAX_POSITION)
    after = {path.name for path in Path(run_folder.path).iterdir()}
    assert before - after == {"ack-0", "logbook-0", "ring-0"}
