"""A decoder that fails, during its stream or before its first frame."""

import contextlib
import os
import signal

import av
import pytest

from pipeline.supervision.commands import describe, find_run
from stages.detector.delayed_detector import delayed
from stages.result_files import read_report
from tests.limits import limited_files
from tests.stages.decoder.conftest import write_video
from tests.stages.decoder.streams import Camera
from tools.harness.material import detections_of, make_clip
from tools.harness.runner import run_with

TEXTS = {"mot.txt", "detections.txt", "times.txt", "run.json"}


def settings(detections, *more):
    return [f"detector.detections={detections}", "sink.overlay=false", *more]


def truncated(folder):
    """Returns the number of frames and the message of truncated results."""
    assert {path.name for path in folder.iterdir()} == TEXTS
    report = read_report(folder)
    assert (report["status"], report["frames"]["missing"]) == ("truncated", 0)
    return report["frames"]["out"], report["message"]


def test_frames_too_large_for_memory_end_the_stream_early(growing, one_detection, tmp_path):
    settings = [one_detection, "sink.overlay=false"]
    with limited_files(2**19):  # frames are in memory files: those of more than 64 KiB do not fit
        result = run_with([str(growing)], tmp_path / "out", settings)
    assert result.exit_code == 4
    assert "cannot reserve" in result.failed["growing"]
    assert result.restarts == {}
    frames, message = truncated(tmp_path / "out" / "growing")
    assert message == result.failed["growing"]
    assert 30 <= frames == result.finished["growing"].frames <= 40


def test_stream_whose_decoders_all_die_is_completed_early(tmp_path):
    clip = make_clip(tmp_path / "material", 150)

    def harm(victim):
        victim.wait(lambda: victim.frames() >= 20)
        while not victim.over.wait(0.02):
            if decoder := victim.supervisor.processes().get("decoder of clip"):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(decoder, signal.SIGKILL)

    slow = settings(delayed(detections_of(clip), 20), "runtime.restarts_per_minute=1")
    result = run_with([str(clip)], tmp_path / "out", slow, harm)
    assert result.exit_code == 1
    report = read_report(tmp_path / "out" / "clip")
    assert report["status"] == "truncated"
    rows = (tmp_path / "out" / "clip" / "mot.txt").read_text().splitlines()
    assert int(rows[-1].split(",")[0]) <= report["frames"]["out"]
    assert 20 <= report["frames"]["out"] == result.finished["clip"].frames < 150


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda clip: clip.unlink(), "clip.mp4"),
        (
            lambda clip: write_video(clip, frames=5),
            "ends before the frame where it was interrupted",
        ),
    ],
)
def test_source_removed_or_replaced_ends_the_stream_early(tmp_path, change, words):
    clip = make_clip(tmp_path / "material", 150)
    notices = []

    def harm(victim):
        victim.wait(lambda: victim.frames() >= 20)
        os.kill(victim.supervisor.processes()["decoder of clip"], signal.SIGSTOP)
        change(clip)
        os.kill(victim.supervisor.processes()["decoder of clip"], signal.SIGKILL)
        victim.over.wait(60)
        notices.extend(victim.notices)

    slow = settings(delayed(detections_of(clip), 20))
    result = run_with([str(clip)], tmp_path / "out", slow, harm)
    assert result.exit_code == 3
    assert words in result.failed["clip"]
    frames, message = truncated(tmp_path / "out" / "clip")
    assert message == result.failed["clip"]
    assert frames >= 20
    how = "was killed by signal 9, as the kernel does when memory runs out"
    assert notices == [f"the decoder of clip {how}; starting it again"]
    assert result.restarts == {"decoder of clip": 1}


def test_stream_without_a_frame_fails_and_leaves_nothing(tmp_path):
    clip = make_clip(tmp_path / "material", 50)
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"none")
    result = run_with([str(clip), str(broken)], tmp_path / "out", settings(detections_of(clip)))
    assert result.exit_code == 3
    assert "broken.mp4" in result.failed["broken"]
    assert result.restarts == {}
    assert result.finished.keys() == {"clip"}
    assert not (tmp_path / "out" / "broken").exists()


@pytest.fixture
def camera(serve_http):
    """The URL of a camera that disconnects and returns."""
    return f"{serve_http(Camera)}/mjpeg"


def test_failed_recording_costs_no_results(camera, one_detection, tmp_path):
    record, notices, seen = tmp_path / "record", [], []

    def is_stuck():
        (stream,) = describe(find_run(os.getpid())).streams
        return stream.recording_is_stuck

    def kill_decoder(victim, stream):
        os.kill(victim.supervisor.processes()[f"decoder of {stream}"], signal.SIGKILL)

    def harm(victim):
        victim.wait(lambda: victim.frames() >= 20)
        before = victim.frames()
        seen.append(is_stuck())
        (folder,) = record.iterdir()
        folder.rename(tmp_path / "kept")
        folder.write_text("")
        kill_decoder(victim, folder.name)
        victim.wait(lambda: victim.frames() >= before + 20)
        seen.append(is_stuck())
        folder.unlink()
        kill_decoder(victim, folder.name)
        seen.append(not victim.wait(lambda: not is_stuck(), 20))
        victim.supervisor.stop()
        notices.extend(victim.notices)

    more = [f"decoder.record={record}", "decoder.connect_seconds=60", "sink.overlay=false"]
    result = run_with([camera], tmp_path / "out", [one_detection, *more], harm)
    assert result.failed == {}
    ((name, summary),) = result.finished.items()
    assert (summary.status, summary.frames >= 40) == ("interrupted", True)
    assert seen == [False, True, False]
    assert any(f"{record / name}: File exists; trying again" in each for each in notices)


def test_truncated_video_is_completed_and_sets_the_exit_status(tmp_path):
    clip, cut = make_clip(tmp_path / "material", 50), tmp_path / "cut.mp4"
    front = {"movflags": "faststart"}
    with av.open(str(clip)) as whole, av.open(str(cut), "w", options=front) as output:
        stream = output.add_stream_from_template(whole.streams.video[0])
        for packet in whole.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                output.mux(packet)
    os.truncate(cut, cut.stat().st_size - 200)
    result = run_with([str(cut)], tmp_path / "out", settings(detections_of(clip)))
    assert (result.exit_code, result.failed) == (3, {})
    frames, message = truncated(tmp_path / "out" / "cut")
    assert 0 < frames < 50
    assert "breaks off" in message


def test_successor_of_a_decoder_killed_while_stopping_also_stops(tmp_path):
    clip = make_clip(tmp_path / "material", 100)

    def harm(victim):
        victim.wait(lambda: victim.frames() > 10)
        decoder = victim.supervisor.processes()["decoder of clip"]
        os.kill(decoder, signal.SIGSTOP)
        victim.supervisor.stop()
        victim.wait(lambda: victim.supervisor._roster.running["clip"].stopping)
        os.kill(decoder, signal.SIGKILL)

    slow = settings(delayed(detections_of(clip), 20))
    result = run_with([str(clip)], tmp_path / "out", slow, harm)
    assert (result.exit_code, result.restarts) == (130, {"decoder of clip": 1})
    assert result.finished["clip"].status == "interrupted"
    assert result.finished["clip"].frames < 100
