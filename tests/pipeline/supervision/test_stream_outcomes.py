from types import SimpleNamespace

import pytest
import zmq

from pipeline.config import RunConfig
from pipeline.reports import Done, Failed, Notice, StreamMetrics, StreamSummary
from pipeline.supervision.monitor import RunMonitor
from pipeline.supervision.result import RunResult
from pipeline.supervision.result_folders import ResultFolders
from pipeline.supervision.roster import Roster
from pipeline.supervision.stage_processes import StageProcesses
from pipeline.supervision.stream_outcomes import StreamOutcomes
from pipeline.transport.logbook import SharedNumber
from stages.decoder.locations import SourceSpec
from stages.errors import OutputError

CAMERA = SourceSpec("cam", "rtsp://host/live")


@pytest.fixture
def run(tmp_path, run_folder):
    """A run with one running stream, which has sent nothing yet."""
    config, output = RunConfig(), tmp_path / "out"
    roster = Roster([], output, config, RunMonitor())
    processes = StageProcesses(config, output, roster, debug=False, json_log=False)
    folders = ResultFolders([CAMERA], output, config, overwrite=False)
    decoder = processes.make("decoder", stream="cam")
    result, shown = RunResult(), []
    with zmq.Context() as context:
        roster.begin(CAMERA, decoder, run_folder, context, only_one=True)
        yield SimpleNamespace(
            result=result,
            roster=roster,
            stream=roster.running["cam"],
            logbook=roster.running["cam"].logbook,
            outcomes=StreamOutcomes(result, folders, roster, processes, shown.append),
            shown=shown,
            folder=output / "cam",
        )
        if roster.running:
            roster.end("cam")
    folders.release()


def failed(stage, message="it broke", code=1):
    return Failed(stage, stream="cam", message=message, exit_code=code)


def write_part(folder):
    folder.mkdir(parents=True)
    (folder / ".mot.txt.part").write_text("1,1,10,10,30,30,0.9\n")


def test_stream_that_fails_before_its_first_frame_ends_at_once(run):
    run.outcomes.fail(failed("decoder", "no such host", 3))
    assert run.roster.running == {}
    assert (run.result.failed, run.result.exit_code) == ({"cam": "no such host"}, 3)
    assert [view.error for view in run.roster.views()] == ["no such host"]


@pytest.mark.parametrize("acknowledged", [0, 3])
def test_failed_stream_with_frames_gets_one_more_decoder_to_end_it(run, acknowledged):
    run.logbook[SharedNumber.ACCOUNTED] = 5
    run.logbook[SharedNumber.ACKNOWLEDGED] = acknowledged
    run.stream.decoder.state = "ended"
    run.outcomes.fail(failed("decoder"))
    assert run.stream.plan.give_up_reason == "it broke"
    assert run.stream.decoder.state == "waiting"
    assert run.logbook.reason == ""


@pytest.mark.parametrize(("acknowledged", "reason"), [(3, "it broke"), (0, "")])
def test_sink_completes_the_stream_if_that_decoder_fails_too(run, acknowledged, reason):
    run.logbook[SharedNumber.ACCOUNTED] = 5
    run.logbook[SharedNumber.ACKNOWLEDGED] = acknowledged
    run.outcomes.fail(failed("decoder"))
    run.outcomes.fail(failed("decoder", "it broke again"))
    assert run.stream.decoder.state == ("ended" if reason else "waiting")
    assert run.logbook.reason == reason
    assert run.roster.running.keys() == ({"cam"} if reason else set())
    assert run.result.failed == {"cam": "it broke"}


@pytest.mark.parametrize(("acknowledged", "reason"), [(3, "too large"), (0, "")])
def test_sink_completes_the_stream_if_no_detector_takes_its_frames(run, acknowledged, reason):
    run.logbook[SharedNumber.ACKNOWLEDGED] = acknowledged
    run.outcomes.fail(failed("detector", "too large"))
    assert run.stream.decoder.state == "ended"
    assert run.logbook.reason == reason
    assert run.roster.running.keys() == ({"cam"} if reason else set())


def test_part_files_stay_if_the_sink_cannot_write(run):
    run.logbook[SharedNumber.EPOCHS] = 1
    write_part(run.folder)
    run.outcomes.fail(failed("sink", "a full disk", 4))
    assert run.roster.running == {}
    assert run.stream.decoder.state == "ended"
    assert list(run.folder.iterdir())


@pytest.mark.parametrize(("broken", "epochs"), [(False, 1), (True, 1), (False, 0)])
def test_part_files_stay_if_broken_or_of_an_earlier_run(run, broken, epochs):
    run.logbook[SharedNumber.EPOCHS] = epochs
    write_part(run.folder)
    assert run.outcomes.clear_away(run.stream, broken=broken) == (broken and epochs > 0)
    assert run.folder.exists() == (broken or not epochs)  # else they are of an earlier run


def test_failure_is_shown_once_but_sink_failures_always(run):
    first, second, sinks = failed("detector"), failed("detector"), failed("sink")
    notice = Notice("decoder", stream="cam", message="slow")
    run.logbook[SharedNumber.ACKNOWLEDGED] = 1
    for report in (first, second, notice, sinks):
        run.outcomes.show(report)
        if isinstance(report, Failed):
            run.outcomes.fail(report)
    assert run.shown == [first, notice, sinks]


def test_failure_without_a_stream_ends_the_run(run):
    with pytest.raises(OutputError, match=r"^a full disk$"):
        run.outcomes.fail(Failed("sink", message="a full disk", exit_code=OutputError.exit_code))


def test_failure_of_a_completed_stream_changes_nothing(run):
    run.roster.end("cam")
    run.outcomes.fail(failed("decoder"))
    assert run.result == RunResult()


@pytest.mark.parametrize(
    ("status", "code"), [("complete", 0), ("interrupted", 0), ("truncated", 3)]
)
def test_truncated_stream_sets_the_exit_status(run, status, code):
    summary = StreamSummary(
        frames=1, tracks=0, status=status, dropped=0, behind=0, fps=None, folder="out", files=()
    )
    metrics = StreamMetrics(frames=1, dropped={}, connections=1, durations={})
    done = Done("sink", stream="cam", summary=summary, message="", metrics=metrics)
    run.outcomes.complete(done)
    assert (run.result.finished, run.result.exit_code) == ({"cam": summary}, code)
    assert run.roster.running == {}


def test_stream_that_cannot_be_started_counts_as_failed(run):
    run.outcomes.refuse(SourceSpec("north", "rtsp://north/live"), "there is no room")
    assert run.result.failed == {"north": "there is no room"}
    assert run.result.exit_code == 3
    assert [(each.stream, each.message) for each in run.shown] == [("north", "there is no room")]
    assert run.roster.running.keys() == {"cam"}


def test_the_first_failure_decides_the_exit_status(run):
    run.outcomes.refuse(SourceSpec("north", "rtsp://north/live"), "there is no room")
    run.outcomes.fail(failed("sink", "a full disk", 4))
    assert run.result.failed.keys() == {"north", "cam"}
    assert run.result.exit_code == 3
