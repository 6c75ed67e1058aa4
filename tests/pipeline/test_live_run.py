"""The four processes on cameras that disconnect, return or refuse the connection."""

import json
import os
import signal
import subprocess
import time
import urllib.error
from datetime import datetime, timedelta

import av
import numpy as np
import pytest

from pipeline.supervision.commands import add_stream, describe, find_run
from stages.result_files import read_report
from tests.pipeline.scraping import scrape
from tests.waiting import wait_for
from tools.harness.material import detections_setting, make_clip
from tools.harness.ports import free_port
from tools.harness.rtsp import Server, available
from tools.harness.runner import run_command, run_with

pytestmark = pytest.mark.skipif(not available(), reason="GStreamer's RTSP server is not here")


def test_an_outage_is_survived_counted_and_shown(one_detection, tmp_path):
    port = free_port()

    def metrics():
        try:
            return scrape(port)
        except urllib.error.URLError:
            return {}

    with Server() as first:
        url = f"rtsp://user:s3cret@127.0.0.1:{first.port}/live"
        command = run_command(url, tmp_path / "out", f"runtime.metrics={port}", one_detection)
        process = subprocess.Popen(
            [*command, "--config", "rtsp"],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        name = f"127.0.0.1-{first.port}-live"

        def metric(family):
            return metrics().get((family, name), 0)

        try:
            wait_for(lambda: metric("spotstream_frames_total") > 10)
            first.kill()
            with Server(first.port):
                wait_for(lambda: metric("spotstream_reconnects_total") == 1)
                before = metric("spotstream_frames_total")
                wait_for(lambda: metric("spotstream_frames_total") > before + 10)
                process.send_signal(signal.SIGINT)
                output, _ = process.communicate(timeout=200)
        finally:
            process.kill()
    assert process.returncode == 130
    report = read_report(tmp_path / "out" / name)
    assert (report["status"], report["epochs"], report["connections"]) == ("interrupted", 2, 2)
    assert report["frames"]["missing"] == 0
    times = np.loadtxt(tmp_path / "out" / name / "times.txt", "U99", delimiter=",")[:, 1]
    assert len(times) == report["frames"]["out"]
    assert times[0] == report["processing_started"]
    between = np.diff([datetime.fromisoformat(time) for time in times])
    assert between.max() > timedelta(seconds=0.5)  # the outage
    assert report["stages_ms"]["decoder"]["p50"] < 30  # not the 40 between two frames
    assert "is back after" in output
    assert "s3cret" not in output + json.dumps(report)


def run_beside(clip, tmp_path, delay_ms):
    """Runs a camera beside a file until the file ends; returns the result and camera report."""

    def watch(victim):
        victim.wait(lambda: victim.supervisor.result.finished)
        victim.supervisor.stop()

    settings = [detections_setting(clip, delay_ms=delay_ms), "sink.overlay=false"]
    with Server() as server:
        sources = [f"camera=rtsp://127.0.0.1:{server.port}/live", str(clip)]
        result = run_with(sources, tmp_path / "out", settings, watch)
    return result, read_report(tmp_path / "out" / "camera")


def test_a_file_that_runs_flat_out_does_not_starve_a_camera(tmp_path):
    clip = make_clip(tmp_path / "material", 500)  # five seconds
    result, report = run_beside(clip, tmp_path, delay_ms=10)
    assert result.finished["clip"].frames == 500
    assert report["frames"]["out"] > 0.75 * report["frames"]["in"] > 90
    assert report["latency_ms"]["p99"] < 400  # 50 if nothing else runs; 545 when it starved


def test_camera_too_fast_for_the_detector_gets_as_many_turns_as_a_file(tmp_path):
    clip = make_clip(tmp_path / "material", 80)  # ten seconds
    _, report = run_beside(clip, tmp_path, delay_ms=60)
    assert report["frames"]["out"] > 40  # the file has 80; 13 when it starved
    assert report["latency_ms"]["p50"] < 1000


def test_overlay_is_sent_to_a_server_as_it_is_made(one_detection, tmp_path):
    received = tmp_path / "received.ts"

    def size():
        return received.stat().st_size if received.exists() else 0

    def watch(victim):
        victim.wait(size)
        os.kill(victim.supervisor.processes()["sink"], signal.SIGKILL)
        before = size()
        victim.wait(lambda: size() > before + 20_000)  # the next sink sends as well
        victim.supervisor.stop()

    with Server(0, "--received", str(received)) as server:
        address = f"{{camera: 'rtsp://me:s3cret@127.0.0.1:{server.port}/sent'}}"
        settings = [f"sink.overlay_url={address}", one_detection]
        sources = [f"camera=rtsp://127.0.0.1:{server.port}/live"]
        run_with(sources, tmp_path / "out", settings, watch)
    report = (tmp_path / "out" / "camera" / "run.json").read_text()
    assert "s3cret" not in report
    with av.open(str(received)) as container:
        assert next(container.decode(video=0)).width == 160


@pytest.fixture
def soon_given_up(in_workers):
    """Makes runs wait for a lone camera for one second instead of ten."""
    in_workers("from pipeline.workers import decoder\ndecoder._CONNECT_SECONDS = 1.0")


def test_camera_that_is_off_at_first_is_waited_for_if_others_run(soon_given_up, tmp_path):
    clip = make_clip(tmp_path / "material", 1000)
    metrics_port = free_port()
    with Server() as server:
        port = server.port
    name = f"127.0.0.1-{port}-live"
    seen = {}

    def watch(victim):
        def is_up():
            return scrape(metrics_port)["spotstream_stream_up", name]

        victim.wait(lambda: any("connecting again" in notice for notice in victim.notices))
        seen.update(scrape(metrics_port))
        time.sleep(4)  # a lone camera is given up after one, in the next attempt
        with Server(port):
            victim.wait(lambda: any("is back" in notice for notice in victim.notices))
            victim.wait(is_up)
            victim.supervisor.stop()

    settings = [
        detections_setting(clip),
        f"runtime.metrics={metrics_port}",
        "decoder.pace=original",
        "sink.overlay=false",
    ]
    sources = [f"rtsp://127.0.0.1:{port}/live", str(clip)]
    result = run_with(sources, tmp_path / "out", settings, watch)
    assert result.failed == {}
    assert result.finished[name].frames > 0
    for series in ("stream_up", "frames_total", "reconnects_total", "latency_seconds_count"):
        assert seen[f"spotstream_{series}", name] == 0


def test_unreachable_camera_is_given_up_if_it_is_the_only_stream(soon_given_up, tmp_path):
    with Server() as server:
        port = server.port
    result = run_with([f"rtsp://127.0.0.1:{port}/live"], tmp_path, ["sink.overlay=false"])
    assert "gave up after 1 s" in result.failed[f"127.0.0.1-{port}-live"]


def test_camera_failure_is_reported_while_the_others_run(tmp_path):
    clip = make_clip(tmp_path / "material", 500)
    settings = ["decoder.pace=original", detections_setting(clip)]
    command = run_command(clip, tmp_path / "out", *settings)
    with (
        Server(0, "--password", "right") as server,
        subprocess.Popen(
            [*command, "--source", f"rtsp://viewer:wr0ng@127.0.0.1:{server.port}/live"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        ) as process,
    ):
        message = next(line for line in process.stderr if "401 Unauthorized" in line)
        assert message.startswith(f"127.0.0.1-{server.port}-live: ")
        assert process.poll() is None
        process.terminate()
    assert process.returncode == 130


def test_service_retries_a_camera_that_refuses_at_first(
    one_detection, tmp_path, temporary, in_workers
):
    in_workers(
        "from functools import partial\n"
        "from pipeline.workers import decoder\n"
        "decoder.LiveOptions = partial(decoder.LiveOptions, refused_wait=0.5)  # instead of 60"
    )
    temporary(tmp_path)
    log = tmp_path / "log"
    with Server(0, "--password", "another") as locked, log.open("w") as log_file:
        url = f"rtsp://viewer:right@127.0.0.1:{locked.port}/live"
        command = [*run_command(url, tmp_path / "out", one_detection), "--stay", "--config", "rtsp"]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=log_file)

        def states():
            return {view.name: view.state for view in describe(find_run(process.pid)).streams}

        try:
            wait_for(lambda: "401 Unauthorized" in log.read_text())
            time.sleep(1)
            locked.kill()
            with Server(locked.port, "--password", "right"):
                wait_for(lambda: "is back after" in log.read_text())
                add_stream(find_run(process.pid), url.replace("right", "wr0ng"), "east")
                wait_for(lambda: states().get("east") == "failed")
                wait_for(lambda: states()[f"127.0.0.1-{locked.port}-live"] == "running")
                process.terminate()
                process.wait(100)
        finally:
            process.kill()
            process.wait()
    lines = [line for line in log.read_text().splitlines() if "connecting again" in line]
    assert len(lines) == 1
