import math
import os
import threading
from fractions import Fraction
from pathlib import Path

import pytest
import zmq
from msgspec import structs

from pipeline.config import DecoderConfig, RunConfig
from pipeline.plan import STAGE_ENDED, StreamPlan
from pipeline.signals import STAGE_END
from pipeline.transport.logbook import Logbook, SharedNumber
from pipeline.workers import decoder as decoder_worker
from pipeline.workers.decoder import run_decoder
from pipeline.workers.waiting import Waiting
from stages.decoder.live_options import LiveOptions
from stages.decoder.locations import SourceSpec
from stages.decoder.source import FrameSelection, ResumePoint
from stages.records import (
    Dropped,
    DropReason,
    EndOfStream,
    EndReason,
    StreamStart,
)
from tests.pipeline.workers.conftest import ReportLog
from tests.pipeline.workers.scripted_source import (
    RecordingSender,
    Script,
    decoder_plan,
    frame,
    read,
)

STOPPED = EndReason.INTERRUPTED, "stopped"


@pytest.fixture
def plan(tmp_path):
    return decoder_plan(tmp_path)


@pytest.mark.parametrize(
    "records", [[], [frame(0, 0)], [Dropped("cam", 0, 0, 4, DropReason.BROKEN)]]
)
def test_a_stop_while_the_source_waits_closes_it_then_ends_the_stream(plan, records):
    sender = RecordingSender()
    read(plan, Script(records, sender), sender)
    assert sender.records[len(records) :] == ["source closed", STOPPED, "closed"]


def test_a_stop_between_two_frames_closes_the_source_first(plan):
    sender = RecordingSender()
    sender.stop.set()
    read(plan, Script([frame(0, 0), frame(0, 1)], sender), sender)
    assert sender.records[1:] == ["source closed", STOPPED, "closed"]


def test_a_stop_after_the_end_sends_no_second_end(plan):
    sender, end = RecordingSender(), EndOfStream("cam", 0, 0, EndReason.COMPLETE)
    read(plan, Script([end], sender), sender)
    assert sender.records == [end, "source closed", "closed"]


def test_an_error_while_the_source_is_closed_does_not_keep_the_stream_from_ending(plan):
    sender = RecordingSender()

    class Failing(Script):
        def records(self, allocator):
            try:
                yield from super().records(allocator)
            except GeneratorExit:
                raise OSError("the disk is gone") from None

    sender.stop.set()
    with pytest.raises(OSError, match="the disk is gone"):
        read(plan, Failing([frame(0, 0)], sender), sender)
    assert sender.records[1:] == ["source closed", STOPPED, "closed"]


@pytest.fixture
def results(plan):
    """A finished and an unfinished result in the folder of the stream."""
    results = [Path(plan.output) / "cam" / name for name in ("mot.txt", ".mot.txt.part")]
    results[0].parent.mkdir()
    for path in results:
        path.write_text("earlier")
    return results


def test_a_stop_before_the_first_frame_removes_only_unfinished_results(plan, results):
    sender = RecordingSender()
    read(plan, Script([], sender), sender)
    assert [path.exists() for path in results] == [True, False]


def test_results_of_a_stream_that_continues_are_kept(plan, results):
    Logbook(plan.logbook(0))[SharedNumber.EPOCHS] = 1
    sender = RecordingSender()
    start = StreamStart("cam", 1, "", 2, 2, Fraction(25), Fraction(1))
    read(plan, Script([start], sender), sender)
    assert all(path.exists() for path in results)


@pytest.mark.parametrize(
    ("pace", "location", "skipping", "waits"),
    [
        ("original", "cam.mp4", False, True),
        ("original", "rtsp://cam", False, False),  # a live source decides by itself
        ("original", "cam.mp4", True, False),  # what an earlier decoder sent
        ("fast", "cam.mp4", False, False),
    ],
)
def test_a_file_is_paced_only_when_its_original_pace_is_configured(
    plan, pace, location, skipping, waits
):
    config = RunConfig(decoder=DecoderConfig(pace=pace))
    sender = RecordingSender()
    sender.is_skipping = skipping
    source = Script([frame(0, 0, 0), frame(0, 1, 5)], sender)
    stream = structs.replace(plan.streams[0], location=location)
    waited = read(structs.replace(plan, config=config, streams=[stream]), source, sender)
    assert [round(seconds) for seconds in waited] == [5] * waits
    assert sender.elapsed == [1, 1]  # the time spent sending does not count
    assert sender.alive == [0, 1]


def test_nothing_is_read_after_an_earlier_decoder_has_sent_the_end(plan, monkeypatch, signals):
    sender = RecordingSender()
    sender.ended = True
    monkeypatch.setattr(decoder_worker, "FrameSender", lambda *arguments: sender)
    with zmq.Context() as context:
        run_decoder(plan, context, ReportLog())
    assert sender.records == ["closed"]


def test_a_stuck_source_is_abandoned_once_the_stream_has_ended(plan, monkeypatch, signals):
    sender, released = RecordingSender(), threading.Event()
    recorder, reached = ReportLog(), []
    recorder.close = lambda: sender.records.append("recorder closed")

    def open_source(spec, *, runtime, **options):
        def wait():
            with runtime.waited:
                os.kill(os.getpid(), STAGE_END)
                released.wait(30)

        return Script([frame(0, 0)], sender, during=wait)

    def leave(code):
        reached.extend([code, *sender.records[1:], context.closed])
        raise SystemExit

    def make_sender(*arguments):
        sender.stop = arguments[-1]
        return sender

    for name, stand_in in [
        *(("FrameSender", make_sender), ("open_source", open_source), ("_STUCK_SECONDS", 0)),
        ("_recorder", lambda *arguments: recorder),
    ]:
        monkeypatch.setattr(decoder_worker, name, stand_in)
    monkeypatch.setattr(os, "_exit", leave)
    context = zmq.Context()
    with pytest.raises(SystemExit):
        run_decoder(plan, context, ReportLog())
    released.set()
    assert reached == [STAGE_ENDED, "recorder closed", STOPPED, "closed", True]


class RecordingFactory(ReportLog):
    """Records the arguments with which a source or recorder is made, and the notices."""

    is_busy = True

    arguments = options = None

    def make(self, *arguments, **options):
        self.arguments, self.options = arguments, options
        return self

    def __call__(self, notice):
        self.notices.append((notice.event, notice.stream, notice.message))


@pytest.fixture
def camera(plan):
    """The plan of a camera that has had two epochs, with its numbers in the logbook."""
    logbook = Logbook(plan.logbook(0))
    numbers = {"EPOCHS": 2, "SEQUENCE": 30, "SEEN": 40, "CONNECTIONS": 2, "NOT_RECEIVED": 5}
    for name, number in numbers.items():
        logbook[SharedNumber[name]] = number
    config = DecoderConfig(
        first_frame=2,
        last_frame=90,
        every=3,
        frame_rate="30",
        hardware="cuda",
        timeout=7.0,
        reconnect=False,
        transport="udp",
        pace="original",
        record=Path(plan.output),
        record_minutes=2,
        record_gigabytes=3,
    )
    stream = StreamPlan("cam", "rtsp://cam", "mot", "15", 0, patient=True)
    return structs.replace(plan, config=RunConfig(decoder=config), streams=[stream])


def test_a_source_is_opened_as_configured_at_the_resume_point(camera, monkeypatch):
    source, recorder = RecordingFactory(), object()
    monkeypatch.setattr(decoder_worker, "open_source", source.make)
    logbook = Logbook(camera.logbook(0))
    waiting = Waiting(threading.Event(), source)
    decoder_worker._open(camera, logbook, recorder, waiting, source)
    runtime = source.options.pop("runtime")
    assert source.arguments == (SourceSpec("cam", "rtsp://cam", "mot", frame_rate="15"),)
    assert source.options == {
        "selection": FrameSelection(2, 90, 3),
        "frame_rate": 30,
        "live": LiveOptions(7.0, math.inf, reconnect=False, transport="udp", patient=True),
        "hardware": "cuda",
        "paced": True,
        "recorder": recorder,
        "resume_from": ResumePoint(2, 30, 40),
    }
    assert (runtime.wait, runtime.waited) == (waiting.wait, waiting)
    for report in (runtime.notify, runtime.lost, runtime.back):
        report("so")
    events = ["notice", "disconnected", "reconnected"]
    assert source.notices == [(event, "cam", "so") for event in events]
    runtime.connected()
    runtime.not_received(3)
    assert [logbook[SharedNumber[name]] for name in ("CONNECTIONS", "NOT_RECEIVED")] == [3, 8]


@pytest.mark.parametrize("epochs", [0, 2])
def test_a_recorder_is_as_configured_and_patient_once_the_stream_began(camera, monkeypatch, epochs):
    recorder = RecordingFactory()
    monkeypatch.setattr(decoder_worker, "Recorder", recorder.make)
    logbook = Logbook(camera.logbook(0))
    logbook[SharedNumber.EPOCHS] = epochs
    logbook[SharedNumber.RECORDING_STUCK] = True
    with zmq.Context() as context:
        assert decoder_worker._recorder(camera, context, recorder, logbook) is recorder
    assert recorder.arguments[:4] == (Path(camera.output) / "cam", "rtsp://cam", 120, 3 * 10**9)
    assert recorder.options["patient"] is (epochs > 0)
    assert "disk watch" in [thread.name for thread in threading.enumerate()]
    with recorder.options["writing"]():
        pass
    assert not logbook[SharedNumber.RECORDING_STUCK]
    recorder.options["stuck"](True)
    assert logbook[SharedNumber.RECORDING_STUCK]


@pytest.mark.parametrize(
    ("location", "record"), [("cam.mp4", Path("recordings")), ("rtsp://cam", None)]
)
def test_files_are_never_recorded_and_cameras_only_on_request(plan, location, record):
    stream = structs.replace(plan.streams[0], location=location)
    config = RunConfig(decoder=DecoderConfig(record=record))
    plan = structs.replace(plan, streams=[stream], config=config)
    logbook = Logbook(plan.logbook(0))
    with zmq.Context() as context:
        assert decoder_worker._recorder(plan, context, ReportLog(), logbook) is None
