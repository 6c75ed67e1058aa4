"""Other than RTSP: MPEG-TS over UDP, with losses, and TCP; MJPEG, HLS and files over HTTP."""

import contextlib
import functools
import itertools
import random
import re
import socket
import threading
import time
from dataclasses import replace

import cv2
import numpy as np
import pytest

from stages.decoder import clock_pace
from stages.decoder.live import LiveSource
from stages.records import EndOfStream, Frame, StreamStart
from tests.stages.decoder import rtmp
from tests.stages.decoder.streams import (
    DATAGRAM,
    OPTIONS,
    Camera,
    Chunks,
    Files,
    numbers,
    read,
    write_stream,
)
from tools.harness.ports import free_port


@pytest.mark.parametrize("loss", [0.0, 0.02])
def test_mpeg_ts_over_udp_survives_losses_and_clock_changes(tmp_path, slots, loss):
    for hours in (0, 7):
        write_stream(tmp_path / f"{hours}.ts", 25, hours=hours)
    data = b"".join((tmp_path / f"{hours}.ts").read_bytes() for hours in (0, 7))
    port = free_port(socket.SOCK_DGRAM)
    over = threading.Event()

    def send():
        rng = random.Random(0)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            for start in itertools.cycle(range(0, len(data), DATAGRAM)):
                if rng.random() >= loss:
                    sender.sendto(data[start : start + DATAGRAM], ("127.0.0.1", port))
                if over.wait(0.0005):
                    return

    thread = threading.Thread(target=send)
    thread.start()
    try:
        records = read(f"udp://127.0.0.1:{port}", slots, 60)
    finally:
        over.set()
        thread.join()
    headers = [r.header for r in records if isinstance(r, Frame)]
    assert len(headers) == 60
    assert numbers(records) == list(range(len(numbers(records))))
    assert 0 < headers[-1].seconds - headers[0].seconds < 60


def test_motion_jpeg_reconnects_after_breaking_off(serve_http, slots):
    records = read(f"{serve_http(Camera)}/mjpeg", slots, 60)
    frames = [r for r in records if isinstance(r, Frame)]
    assert {f.header.epoch for f in frames} == {0, 1}
    assert (frames[0].header.height, frames[0].header.width) == (96, 128)
    first = [f.header for f in frames if f.header.epoch == 0]
    shown = first[-1].seconds - first[0].seconds
    assert shown == pytest.approx((first[-1].captured_ns - first[0].captured_ns) / 1e9, abs=0.5)
    assert numbers(records) == list(range(len(numbers(records))))


def test_a_single_image_after_an_outage_does_not_end_a_camera(serve_http, slots):
    connections = []

    class Proxy(Camera):
        def do_GET(self):  # noqa: N802
            connections.append(self.path)
            if len(connections) != 2:
                super().do_GET()
                return
            picture = cv2.imencode(".jpg", np.zeros((96, 128, 3), np.uint8))[1].tobytes()
            self.send_response(200)
            self.send_header("Content-Type", "image/jpeg")
            self.send_header("Content-Length", str(len(picture)))
            self.end_headers()
            self.wfile.write(picture)

    records = read(f"{serve_http(Proxy)}/mjpeg", slots, 60)
    assert not any(isinstance(record, EndOfStream) for record in records)
    frames = [record.header.epoch for record in records if isinstance(record, Frame)]
    assert (len(frames), max(frames)) == (60, 2)


@pytest.mark.parametrize("protocol", ["rtmp", "http"])
def test_flv_without_sound_is_shown_without_waiting_for_sound(
    tmp_path, serve_http, slots, protocol
):
    write_stream(tmp_path / "camera.flv", 25, "flv")
    data = (tmp_path / "camera.flv").read_bytes()
    shown, was_shown = threading.Event(), []

    class OverHttp(Files):
        def do_GET(self):  # noqa: N802
            self.send_response(200)
            self.end_headers()
            self.wfile.write(data)
            was_shown.append(shown.wait(100))

    def send():
        with contextlib.suppress(OSError):  # nobody connects in the HTTP case
            viewer, _ = listener.accept()
            with viewer:
                rtmp.play(data, viewer)
                was_shown.append(shown.wait(100))

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=send, daemon=True).start()
        url = f"rtmp://127.0.0.1:{listener.getsockname()[1]}/live/camera"
        if protocol == "http":
            url = f"{serve_http(OverHttp)}/camera.flv"
        options = replace(OPTIONS, timeout=200, reconnect=False)
        frames = 0
        for record in LiveSource(url, name="cam", options=options).records(slots):
            frames += isinstance(record, Frame)
            shown.set()
    assert frames == 25
    assert was_shown == [True]


def test_hls_is_paced_by_its_times(tmp_path, serve_http, slots):
    write_stream(
        tmp_path / "live.m3u8", 80, "hls", hls_time="1", hls_list_size="0", hls_flags="omit_endlist"
    )
    base = serve_http(functools.partial(Files, directory=str(tmp_path)))
    headers = [r.header for r in read(f"{base}/live.m3u8", slots, 20) if isinstance(r, Frame)]
    assert len(headers) == 20
    assert headers[-1].seconds - headers[0].seconds == pytest.approx(19 / 25)
    assert headers[-1].captured_ns - headers[0].captured_ns > 0.7e9


def test_times_that_do_not_advance_in_real_time_are_reported_once(
    tmp_path, serve_http, slots, monkeypatch
):
    for limit in ("_FIRST_SECONDS", "_WINDOW_SECONDS"):
        monkeypatch.setattr(clock_pace, limit, 0.001)
    write_stream(tmp_path / "clip", 150, size=(64, 48))
    base, notices = serve_http(functools.partial(Chunks, directory=str(tmp_path))), []
    read(f"{base}/clip", slots, 310, notify=notices.append)
    (line,) = [line for line in notices if "measured by them" in line]
    assert re.match(
        rf"the timestamps of {base}/clip advance by \d+\.\d\d s per second; speeds", line
    )


@pytest.mark.parametrize(("container", "is_camera"), [("mpegts", True), ("mp4", False)])
def test_a_deviating_pace_is_reported_for_cameras_only(
    tmp_path, serve_http, slots, monkeypatch, container, is_camera
):
    monkeypatch.setattr(clock_pace.ClockPace, "follow", lambda pace, seconds: 1.25)
    options = {} if is_camera else {"movflags": "faststart"}
    write_stream(tmp_path / "clip", 10, container, size=(64, 48), **options)
    base, notices = serve_http(functools.partial(Chunks, directory=str(tmp_path))), []
    read(f"{base}/clip", slots, 11, notify=notices.append)
    expected = (
        f"the timestamps of {base}/clip advance by 1.25 s per second; speeds and dwell times are "
        f"measured by them"
    )
    assert [line for line in notices if "measured by them" in line] == [expected] * is_camera


def test_a_camera_that_sends_a_backlog_gets_no_advice(tmp_path, serve_http, slots):
    write_stream(tmp_path / "clip", 100, size=(64, 48))
    base, notices = serve_http(functools.partial(Chunks, directory=str(tmp_path))), []
    read(f"{base}/clip", slots, 101, notify=notices.append)
    assert not any("faster" in line for line in notices)


def test_continuing_sound_does_not_hide_missing_frames(tmp_path, slots):
    write_stream(tmp_path / "camera.ts", 10, sound=300)
    data = (tmp_path / "camera.ts").read_bytes()
    options = replace(OPTIONS, timeout=1.0, reconnect=False)

    def send():
        client, _ = listener.accept()
        with client, contextlib.suppress(OSError):
            client.sendall(data[:-200_000])
            for start in range(len(data) - 200_000, len(data), 5000):  # only sound, for 6 s
                client.sendall(data[start : start + 5000])
                time.sleep(0.15)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=send, daemon=True).start()
        records = read(f"tcp://127.0.0.1:{listener.getsockname()[1]}", slots, 11, options)
    assert sum(isinstance(r, Frame) for r in records) == 10
    assert records[-1].message != "the connection ended"  # as it does once everything is sent


def test_a_size_change_starts_an_epoch_without_a_new_connection(tmp_path, serve_tcp, slots):
    data = b""
    for size in ((320, 240), (160, 120)):
        write_stream(tmp_path / "part", 20, "h264", size=size)
        data += (tmp_path / "part").read_bytes()

    url, connections = serve_tcp(data, data), []
    records = read(url, slots, 50, connected=lambda: connections.append(len(connections)))
    starts = [r for r in records if isinstance(r, StreamStart)]
    assert [(s.epoch, s.width) for s in starts] == [(0, 320), (1, 160), (2, 320)]
    assert len(connections) == 2


def test_a_camera_that_begins_to_refuse_access_is_retried_slowly(serve_http, slots):
    asked, waits = [], []

    class Refusing(Camera):
        def do_GET(self):  # noqa: N802
            asked.append(self.path)
            if len(asked) == 1:
                super().do_GET()
            else:
                self.send_error(401)

    def wait(seconds):
        waits.append(seconds)
        return len(waits) == 2

    read(serve_http(Refusing), slots, 100, replace(OPTIONS, refused_wait=50.0), wait=wait)
    broken_off, refused = waits
    assert broken_off <= OPTIONS.first_wait
    assert refused == 50.0
