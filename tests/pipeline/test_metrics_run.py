"""The metrics of a running pipeline."""

import os
import signal
import time

import msgspec
import zmq

from pipeline.reports import Batches, Progress, StreamMetrics
from tests.pipeline.scraping import get, scrape
from tools.harness.material import detections_setting, make_clip
from tools.harness.ports import free_port
from tools.harness.runner import run_with

A_THOUSAND_BATCHES = """
from pipeline.reports import Batches
from pipeline.workers import detector

detector._Progress.report = lambda self: self._report(Batches("detector", counts={1: 1000}))
"""

NO_PROGRESS = """
from pipeline.workers.sink_progress import SinkProgress

SinkProgress._send = lambda self, now, measured=False: None
"""


def test_draining_run_is_not_ready(tmp_path):
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


def test_batches_of_a_killed_detector_still_count(clip, tmp_path, in_workers):
    in_workers(A_THOUSAND_BATCHES)
    port = free_port()
    settings = [
        detections_setting(clip, delay_ms=50),
        f"runtime.metrics={port}",
        "sink.overlay=false",
    ]
    reached = []

    def harm(victim):
        def counted(count):
            return scrape(port)["spotstream_batch_frames_count",] == count

        victim.wait(lambda: victim.frames() > 0)
        reached.append(victim.wait(lambda: counted(1000)))
        os.kill(victim.supervisor.processes()["detector"], signal.SIGKILL)
        reached.append(victim.wait(lambda: counted(2000)))
        victim.supervisor.stop()

    run_with([str(clip)], tmp_path / "out", settings, harm)
    assert reached == [True, True]


def test_lines_and_zones_have_series_before_the_first_report(clip, tmp_path, in_workers):
    in_workers(NO_PROGRESS)
    port, seen = free_port(), []
    settings = [
        detections_setting(clip),
        f"runtime.metrics={port}",
        "decoder.pace=original",
        "sink.overlay=false",
        "sink.lines={clip: {gate: [0, 0, 0, 9]}}",
        "sink.zones={'*': {stop: [[0, 0], [9, 0], [9, 9]]}}",
    ]

    def harm(victim):
        victim.wait(victim.is_ready)
        seen.append(scrape(port))
        victim.supervisor.stop()

    run_with([str(clip)], tmp_path / "out", settings, harm)
    [found] = seen
    assert found["spotstream_crossings_total", "clip", "gate", "left"] == 0
    assert found["spotstream_crossings_total", "clip", "gate", "right"] == 0
    assert found["spotstream_zone_entries_total", "clip", "stop"] == 0


def test_late_report_revives_no_stream_and_hung_detector_is_visible(tmp_path):
    clips = [make_clip(tmp_path / name, frames) for name, frames in (("short", 25), ("long", 750))]
    for clip in clips:
        clip.rename(clip.with_name(f"{clip.parent.name}.mp4"))
    sources = [str(tmp_path / name / f"{name}.mp4") for name in ("long", "short")]
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

        def all_is_counted():
            rows = (tmp_path / "out" / "long" / ".detections.txt.part").read_text().splitlines()
            found = metrics()
            count = found["spotstream_frames_total", "long"]
            count += found["spotstream_dropped_frames_total", "long", "stages behind"]
            return count >= int(rows[-1].split(",")[0])

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
        held_up.append(victim.wait(all_is_counted, 10))
        os.kill(detector, signal.SIGCONT)
        victim.supervisor.stop()

    result = run_with(sources, tmp_path / "out", settings, harm)
    assert list(result.finished) == ["long", "short"]  # as they were given
    assert seen[0]["spotstream_frames_total", "short"] == result.finished["short"].frames
    assert ("spotstream_waiting_frames", "short") not in seen[0]
    assert ("spotstream_waiting_frames", "long") in seen[0]
    assert held_up == [True, True, True]
