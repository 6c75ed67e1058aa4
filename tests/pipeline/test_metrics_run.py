"""The metrics of a run under way."""

import os
import signal
import time

import msgspec
import zmq

from pipeline.reports import Batches, Progress, StreamMetrics
from tests.pipeline.scraping import get, scrape
from tests.ports import free_port
from tools.harness.material import detections_setting, make_clip
from tools.harness.runner import run_with


def test_a_run_that_drains_is_not_ready(tmp_path):
    clip = make_clip(tmp_path / "material", 250)
    port = free_port()
    settings = [
        detections_setting(clip),
        f"runtime.metrics=127.0.0.1:{port}",
        "decoder.pace=original",
        "sink.overlay=false",
    ]
    answers = []

    def harm(victim):
        def answer(path):
            return get(port, path)[0]

        victim.wait(lambda: victim.frames() > 0)
        answers.append(answer("/readyz"))
        sink = victim.supervisor.processes()["sink"]
        os.kill(sink, signal.SIGSTOP)
        victim.supervisor.stop()
        answers.extend((answer("/readyz"), answer("/healthz")))
        os.kill(sink, signal.SIGCONT)

    run_with([str(clip)], tmp_path / "out", settings, harm)
    assert answers == [200, 503, 200]


def test_a_late_report_brings_no_stream_back_and_a_detector_that_hangs_is_seen(tmp_path):
    clips = [make_clip(tmp_path / name, frames) for name, frames in (("short", 25), ("long", 750))]
    for clip in clips:
        clip.rename(clip.with_name(f"{clip.parent.name}.mp4"))
    sources = [str(tmp_path / name / f"{name}.mp4") for name in ("short", "long")]
    port = free_port()
    settings = [
        detections_setting(clips[1]),
        f"runtime.metrics={port}",
        "decoder.pace=original",
        "runtime.mode=live",
        "sink.overlay=false",
    ]
    seen, held_up = [], []

    def harm(victim):
        def metrics():
            return scrape(port)

        def all_is_told():
            rows = (tmp_path / "out" / "long" / ".detections.txt.part").read_text().splitlines()
            found = metrics()
            told = found["spotstream_frames_total", "long"]
            told += found["spotstream_dropped_frames_total", "long", "stages behind"]
            return told >= int(rows[-1].split(",")[0])

        victim.wait(lambda: "short" in victim.supervisor.result.finished)
        victim.wait(lambda: ("spotstream_waiting_frames", "short") not in metrics())
        with zmq.Context() as context, context.socket(zmq.PUSH) as control:
            control.connect(f"ipc://{victim.folder}/control")
            late = StreamMetrics(frames=999, dropped={}, connections=1, durations={})
            for report in (
                Progress(
                    "sink",
                    stream="short",
                    frames=999,
                    dropped=0,
                    total=None,
                    work_ms={},
                    metrics=late,
                ),
                Batches("detector", worker=9, counts={1: 12345}),
            ):
                control.send(msgspec.msgpack.encode(report))
            victim.wait(lambda: metrics()["spotstream_batch_frames_count",] >= 12345)
        seen.append(metrics())
        detector = victim.supervisor.processes()["detector"]
        os.kill(detector, signal.SIGSTOP)
        held_up.append(victim.wait(lambda: metrics()["spotstream_waiting_frames", "long"] > 0))
        stopped, decoded = time.time(), metrics()["spotstream_decoded_frames_total", "long"]

        def is_decoded_all_the_same():
            found = metrics()
            captured = found["spotstream_last_frame_timestamp_seconds", "long"]
            more = found["spotstream_decoded_frames_total", "long"] - decoded
            return more > 10 and stopped < captured <= time.time()

        held_up.append(victim.wait(is_decoded_all_the_same))
        held_up.append(victim.wait(all_is_told, 10))
        os.kill(detector, signal.SIGCONT)
        victim.supervisor.stop()

    result = run_with(sources, tmp_path / "out", settings, harm)
    assert seen[0]["spotstream_frames_total", "short"] == result.finished["short"].frames
    assert ("spotstream_waiting_frames", "short") not in seen[0]
    assert ("spotstream_waiting_frames", "long") in seen[0]
    assert held_up == [True, True, True]
