"""Frames whose pixels are not where their message says, and frames computed in parallel."""

import os
import shutil
import signal
from fractions import Fraction
from pathlib import Path

import cv2
import msgspec
import numpy as np
import pytest
import zmq

from pipeline.config_file import load_config
from pipeline.plan import WorkerPlan
from pipeline.supervision.process import start_worker
from pipeline.transport.envelope import Envelope
from pipeline.transport.link import Receiver, Sender
from pipeline.transport.logbook import Logbook, SharedNumber
from pipeline.transport.messages import decode, encode
from pipeline.transport.ring import FrameRing
from stages.errors import SpotStreamError
from stages.records import Frame, FrameHeader, PixelFormat
from stages.result_files import DETECTIONS, TRACKS, read_report
from stages.scene import Scene, SceneConfig
from tests.waiting import wait_for
from tools.harness.material import detections_of, detections_setting, make_clip
from tools.harness.runner import run_with

FRAMES = 100


@pytest.fixture
def run(tmp_path):
    """Runs a clip; after ten frames, pauses its decoder and sends spoiled copies of one frame."""
    clip = make_clip(tmp_path / "material", FRAMES)

    def start(*spoils, goes_on=True):
        def harm(victim):
            victim.wait(lambda: victim.frames() >= 10)
            decoder = victim.supervisor.processes()["decoder of clip"]
            os.kill(decoder, signal.SIGSTOP)
            logbook = Logbook(f"{victim.folder}/logbook-0")
            position = logbook[SharedNumber.ACKNOWLEDGED] - 1
            sent = decode(msgspec.msgpack.decode(logbook.message(position)))
            with zmq.Context() as context, context.socket(zmq.PUSH) as socket:
                socket.connect(f"ipc://{victim.folder}/detector-0")
                for spoil in spoils:
                    socket.send_multipart(spoil(logbook, position, sent))
            if goes_on:
                os.kill(decoder, signal.SIGCONT)

        slow = [detections_setting(clip, delay_ms=20), "sink.overlay=false"]
        return run_with([str(clip)], tmp_path / "out", slow, harm)

    return start


def in_slot(slot):
    return lambda logbook, position, sent: encode(msgspec.structs.replace(sent, slot=slot))


def test_malformed_messages_not_in_the_logbook_are_dropped_and_logged(run, capfd, in_workers):
    in_workers("from pipeline.transport import link\nlink._WARNING_SECONDS = 0.0")
    result = run(in_slot(1_000_000), in_slot(-1), in_slot(None))
    assert (result.exit_code, result.restarts) == (0, {})
    assert result.finished["clip"].frames == FRAMES
    assert "dropped a malformed message (3 so far): " in capfd.readouterr().err


def test_a_lost_frame_ends_the_run_with_truncated_results(run, tmp_path):
    def spoil(logbook, position, sent):
        parts = encode(msgspec.structs.replace(sent, slot=1_000_000))
        assert logbook.keep(position, msgspec.msgpack.encode(parts))
        return parts

    with pytest.raises(SpotStreamError, match=r"clip: slot 1000000 of .* lies outside the ring"):
        run(spoil, goes_on=False)
    report = read_report(tmp_path / "out" / "clip")
    assert (report["status"], report["frames"]["out"] >= 10) == ("truncated", True)


def test_detections_in_ignored_regions_of_their_stream_do_not_count(tmp_path):
    clip = make_clip(tmp_path / "material", 20)
    file = detections_of(clip)
    detections = f"detector.detections={file}"
    sources = [f"{name}={clip}" for name in ("north", "south")]
    for name, of in (("one", "south"), ("both", "*")):
        ignored = f"detector.ignored.{of}=[[0, 0, 80, 1000]]"
        run_with(sources, tmp_path / name, [detections, ignored, "sink.overlay=false"])
    unfiltered, filtered, *others = (
        np.loadtxt(tmp_path / run / stream / DETECTIONS, delimiter=",", ndmin=2)
        for run in ("one", "both")
        for stream in ("north", "south")
    )
    for each in others:
        np.testing.assert_array_equal(filtered, each)
    report = read_report(tmp_path / "both" / "north")
    assert report["detected_by"] == f"read from {file}"
    is_right = unfiltered[:, 2] + unfiltered[:, 4] / 2 > 80
    assert 0 < is_right.sum() < len(unfiltered)
    np.testing.assert_array_equal(
        filtered[:, [0, 2, 3, 4, 5, 6]], unfiltered[is_right][:, [0, 2, 3, 4, 5, 6]]
    )


def test_suspicious_scores_in_a_detection_file_are_reported(tmp_path):
    clip = make_clip(tmp_path / "material", 5)
    file = tmp_path / "percent.txt"
    file.write_text("1,-1,100,50,20,15,99.5\n")
    notices = []

    def listen(victim):
        victim.over.wait(100)
        notices.extend(victim.notices)

    settings = [f"detector.detections={file}", "sink.overlay=false"]
    run_with([str(clip)], tmp_path / "out", settings, listen)
    assert any(line.startswith(f"{file}: there are scores up to 99.5") for line in notices)


@pytest.mark.parametrize(("rows", "name"), [(None, "south"), ("1,1\n", "south"), ("1,1\n", "east")])
def test_a_stream_without_usable_detections_fails_alone(tmp_path, rows, name):
    clip = make_clip(tmp_path / "material", 40)
    found = tmp_path / "found"
    found.mkdir()
    shutil.copy(detections_of(clip), found / "north.txt")
    if rows:
        (found / f"{name}.txt").write_text(rows)
    batches = ["detector.batch_size=8", "detector.batch_wait_ms=100"]
    settings = [f"detector.detections={found}", "sink.overlay=false", *batches]
    both = [f"{each}={clip}" for each in ("north", name)]
    result = run_with(both, tmp_path / "out", settings)
    assert result.exit_code == 2
    assert (result.finished["north"].frames, result.finished["north"].status) == (40, "complete")
    (message,) = result.failed.values()
    assert ("expected at least" if rows else f"no file for {name}") in message
    assert [path.name for path in (tmp_path / "out").iterdir() if path.is_dir()] == ["north"]


def test_parallel_and_sequential_frames_give_identical_results(tmp_path):
    scene = Scene(SceneConfig(seed=2, width=320, height=192, frames=12, vehicles=120))
    (tmp_path / "scene").mkdir()
    for number in range(12):
        cv2.imwrite(str(tmp_path / "scene" / f"{number:02}.png"), scene.render(number).image)
    network = ["detector.weights=nano", "detector.engine=torch", "detector.threads=2"]
    found = []
    for size in (0, 1):
        output = tmp_path / str(size)
        settings = [*network, f"detector.batch_size={size}", "sink.overlay=false"]
        result = run_with([str(tmp_path / "scene")], output, settings)
        assert (result.exit_code, result.finished["scene"].frames) == (0, 12)
        found.append([(output / "scene" / name).read_text() for name in (DETECTIONS, TRACKS)])
    assert found[0] == found[1]
    assert found[0][0].count("\n") > 12


def test_an_ended_streams_memory_is_released_without_further_messages(tmp_path, run_folder):
    (tmp_path / "cam.txt").write_text("1,-1,1,1,2,2,0.9\n")
    logbook = run_folder.add_stream(0, "cam", entries=16, lossless=True)
    plan = WorkerPlan(
        stage="detector",
        config=load_config(None, [f"detector.detections={tmp_path / 'cam.txt'}"]),
        streams=[],
        output=str(tmp_path),
        sockets=run_folder.path,
    )
    header = FrameHeader("cam", 0, 0, 0, 0, Fraction(1, 25), 0, 64, 96, PixelFormat.YUV420P)
    ring = FrameRing(plan.ring(0))
    ring.reserve(1, int(np.prod(header.shape)))
    ring.close()
    with zmq.Context() as context:
        tracked = Receiver(context, plan.endpoint("tracker"))
        Sender(context, plan.endpoint("detector-0")).send(Envelope(Frame(header, None), slot=0))
        process = start_worker(plan)
        try:
            assert len(tracked.receive(100).record) == 1
            maps = Path(f"/proc/{process.pid}/maps")
            assert "spotstream-cam" in maps.read_text()
            logbook[SharedNumber.RELEASED] = 1
            wait_for(lambda: "spotstream-cam" not in maps.read_text(), 10)
        finally:
            process.kill()
            process.wait()
            context.destroy(linger=0)
