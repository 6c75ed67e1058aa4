"""How long each process may be silent, and what a process reports during long work."""

from fractions import Fraction

import numpy as np
import pytest
import zmq

from pipeline.config_file import load_config
from pipeline.plan import StreamPlan, WorkerPlan
from pipeline.reporter import Reporter, ReportReceiver
from pipeline.reports import Alive, Batches, Busy, Progress, Ready, Snapshot
from pipeline.supervision.process import StageProcess
from pipeline.supervision.result_folders import ResultFolders
from pipeline.supervision.supervisor import Supervisor
from pipeline.transport.envelope import Envelope
from pipeline.transport.logbook import Logbook
from pipeline.transport.messages import encode
from pipeline.workers.envelope_journal import append_envelope
from pipeline.workers.publisher import Publisher
from pipeline.workers.sink_stream import SinkStream
from pipeline.workers.tracker import _Stream as TrackerStream
from stages.decoder.locations import expand_sources
from stages.records import Detections, FrameHeader, PixelFormat, StreamStart, Tracks
from stages.sink.folder_contents import JOURNAL
from stages.sink.journal import Journal
from stages.sink.timing import Written
from stages.tracker import TrackerStage
from tools.harness.material import detections_setting, make_clip

FRAMES = 5


@pytest.fixture
def plan(tmp_path, run_folder):
    run_folder.add_stream(0, "cam", entries=16, lossless=True)
    streams = [StreamPlan("cam", "cam.mp4", "", "", 0)]
    output = str(tmp_path / "out")
    config = load_config(None, ["sink.overlay=false"])
    return WorkerPlan(
        stage="tracker", config=config, streams=streams, output=output, sockets=run_folder.path
    )


@pytest.fixture
def journal(plan):
    """The journal of what a sink received before it was killed."""
    folder = plan.folder("cam")
    folder.mkdir(parents=True)
    journal = Journal(folder / JOURNAL)
    rate = Fraction(25)
    records = [StreamStart("cam", 0, "cam.mp4", 4, 6, rate, 1 / rate, FRAMES)]
    boxes, one = np.zeros((0, 4), np.float32), np.zeros(0, np.float32)
    for index in range(FRAMES):
        header = FrameHeader(
            "cam", 0, index, index + 1, index, 1 / rate, 5, 4, 6, PixelFormat.YUV420P
        )
        detections = Detections(header, boxes, one, np.zeros(0, np.int16))
        records.append(Tracks(detections, boxes, one, np.zeros(0, np.int16), np.zeros(0, np.int64)))
    for position, record in enumerate(records):
        append_envelope(
            journal, encode(Envelope(record, channel=0, position=position)), Written(1, 0)
        )
    journal.close()
    return journal


class Listener:
    """Records what a stage reports."""

    def __init__(self):
        self.kinds = []

    def alive(self):
        self.kinds.append("alive")

    def busy(self):
        self.kinds.append("busy")


def test_stages_that_replay_a_journal_report_that_they_are_alive(plan, journal):
    report = Listener()
    logbook = Logbook(plan.logbook(0))
    TrackerStream(plan, TrackerStage("bytetrack", {}), logbook, report.alive)
    assert report.kinds == ["alive"] * (FRAMES + 1)
    report.kinds.clear()
    with zmq.Context() as context:
        publisher = Publisher(None, plan.run, 0)
        sink = SinkStream(plan, context, report, 0, logbook, lambda: None, publisher)
        sink.open()
        assert sink.results.ledger.written == FRAMES
        sink.close()
    assert report.kinds == ["alive"] * (FRAMES + 1)


def test_alive_is_reported_at_once_after_busy(plan):
    with zmq.Context() as context:
        reports = ReportReceiver(context, plan.endpoint("control"))
        report = Reporter(context, plan)
        for say in (report.alive, report.alive, report.busy, report.alive):
            say()
        kinds = []
        while len(kinds) < 3 and reports.socket.poll(100_000):
            kinds += [each.kind for each in reports.receive()]
        context.destroy(linger=0)
    assert kinds == ["alive", "busy", "alive"]


def test_reports_do_not_block_if_the_supervisor_does_not_listen(plan):
    progress = Progress(
        "sink", stream="cam", frames=1, dropped=0, total=None, work_ms={}, metrics=None
    )
    others = [
        Snapshot("sink", jpeg=b"", frame_size=(4, 6)),
        Busy("sink"),
        Batches("detector", counts={1: 9}),
    ]
    with zmq.Context() as context:
        context.sndtimeo = 1000  # otherwise it would block for ever
        ReportReceiver(context, plan.endpoint("control"))
        report = Reporter(context, plan)
        try:
            for _ in range(5000):
                report(progress)
                report(Alive("sink"))
            for each in others:
                report(each)
        finally:
            context.destroy(linger=0)


def test_sink_reports_when_it_completes_videos(tmp_path):
    clip = make_clip(tmp_path / "material", 60)
    overlay = f"sink.overlay_minutes={1 / 60}"
    config = load_config(None, [detections_setting(clip), overlay])
    kinds = []

    def show(report):
        if report.stage == "sink":
            kinds.append(report.kind)

    specs = expand_sources([str(clip)])
    results = ResultFolders(specs, tmp_path / "out", config, overwrite=False)
    supervisor = Supervisor(results, config, show)
    assert supervisor.run().exit_code == 0
    assert kinds.count("busy") == 3  # before each part, since there might be something to read
    assert [kind for kind in kinds if kind not in ("alive", "progress")][-2:] == [
        "completing",
        "done",
    ]


@pytest.mark.parametrize(
    ("heard", "limit"),
    [([], 300), ([Ready], 60), ([Busy], 3600), ([Busy, Alive], 300)],
)
def test_process_is_killed_after_its_permitted_silence(plan, heard, limit):
    now = [0.0]
    process = StageProcess("tracker", lambda: plan, 60.0, 3, lambda: now[0])
    process.start_if_due()
    for report in heard:
        process.heard(report("tracker"))
    for now[0] in range(limit + 1):
        assert process.check() == ""
        assert process._process.poll() is None
    now[0] = limit + 1
    assert process.check() == ""  # kills the process
    process._process.wait()
    assert process.check() == f"did not report for {limit} s"


def test_pause_of_the_whole_run_does_not_count_as_silence(plan, monkeypatch):
    now, killed = [0.0], []
    process = StageProcess("tracker", lambda: plan, 60.0, 3, lambda: now[0])
    process.start_if_due()
    process.heard(Ready("tracker"))
    with monkeypatch.context() as patched:
        patched.setattr(process._process, "kill", lambda: killed.append(now[0]))
        for now[0] in (*range(50), *range(1000, 1010)):
            assert process.check() == ""
    process.kill()
    assert killed == []
