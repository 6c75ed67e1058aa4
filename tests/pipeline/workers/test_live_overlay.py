"""Encoded pictures sent to real servers that are slow, silent or unreachable."""

from __future__ import annotations

import contextlib
import signal
import socket
import subprocess
import threading
import time
from itertools import pairwise
from subprocess import PIPE
from types import SimpleNamespace

import av
import pytest

from pipeline.workers import live_overlay
from pipeline.workers.live_overlay import LiveOverlay
from tests.pipeline.workers.overlay_pictures import GROUP, STEP, Viewer
from tests.waiting import wait_for
from tools.harness.ports import free_port
from tools.harness.rtsp import Server, available


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch):
    monkeypatch.setattr(live_overlay, "_FIRST_PAUSE", 0.05)
    monkeypatch.setattr(live_overlay, "_LONGEST_PAUSE", 0.05)
    monkeypatch.setattr(live_overlay, "_STEADY_SECONDS", 0.0)
    monkeypatch.setattr(live_overlay, "_REPORT_SECONDS", 0.0)


@pytest.fixture
def senders(monkeypatch):
    """The sending processes; all are killed after the test, even a stopped one."""
    started = []

    def start(*args, **options):
        started.append(subprocess.Popen(*args, **options))
        return started[-1]

    monkeypatch.setattr(live_overlay, "subprocess", SimpleNamespace(Popen=start, PIPE=PIPE))
    yield started
    for process in started:
        process.kill()


def take_all(overlay, video, pictures):
    for picture in pictures:
        overlay.take(video, picture)


def test_timestamps_continue_from_one_video_to_the_next(pictures):
    notices = []
    with Viewer() as viewer:
        overlay = LiveOverlay(viewer.url, "north", notices.append)
        first, *others = pictures(30)
        overlay.take(1, first)
        viewer.wait_for(1)
        take_all(overlay, 1, others)
        take_all(overlay, 2, pictures(30))
        overlay.close()
        frames = viewer.wait_for(60)
    assert len(frames) == 60
    assert {later.pts - frame.pts for frame, later in pairwise(frames)} == {STEP}
    assert notices == []


def test_a_viewer_that_joins_later_starts_at_a_key_frame(pictures):
    encoded = pictures(2 * GROUP)
    with Viewer() as viewer:
        overlay = LiveOverlay(viewer.url, "north", print)
        take_all(overlay, 1, encoded[:GROUP])
        viewer.wait_for(GROUP)
        viewer.forget()
        take_all(overlay, 1, encoded[GROUP:])
        frames = viewer.wait_for(GROUP)
        overlay.close()
    assert frames[0].key_frame


def test_a_connection_begins_with_the_latest_key_frame(pictures):
    with Viewer() as viewer:
        overlay = LiveOverlay(viewer.url, "north", print)
        take_all(overlay, 1, pictures(35))  # before the process that sends has started
        frames = viewer.wait_for(5)
        overlay.close()
    assert len(frames) == 5
    assert frames[0].key_frame


def test_a_new_frame_size_opens_a_new_connection(pictures):
    with Viewer() as viewer:
        overlay = LiveOverlay(viewer.url, "north", print)
        overlay.take(1, pictures(1)[0])
        viewer.wait_for(1)
        take_all(overlay, 2, pictures(3, width=96))
        frames = viewer.wait_for(4)
        overlay.close()
    assert [frame.width for frame in frames] == [64, 96, 96, 96]


def test_late_pictures_of_an_earlier_video_are_left_out(pictures):
    with Viewer() as viewer:
        overlay = LiveOverlay(viewer.url, "north", print)
        early, late = pictures(20), pictures(5)
        overlay.take(1, early[0])
        viewer.wait_for(1)
        take_all(overlay, 2, late[:3])
        take_all(overlay, 1, early[1:])
        take_all(overlay, 2, late[3:])
        frames = viewer.wait_for(6)
        overlay.close()
    assert len(frames) == 6


def test_a_reconnection_begins_with_a_key_frame(pictures, senders):
    notices = []
    with Viewer() as viewer:
        overlay = LiveOverlay(viewer.url, "north", notices.append)
        encoded = pictures(25)
        overlay.take(1, encoded[0])
        viewer.wait_for(1)
        senders[0].kill()
        senders[0].wait()
        overlay.take(1, encoded[1])
        wait_for(lambda: notices)
        deadline = time.monotonic() + 0.3  # longer than the pause
        while time.monotonic() < deadline:
            take_all(overlay, 1, encoded[2:10])
        assert len(senders) == 1
        take_all(overlay, 1, encoded[10:])
        frames = viewer.wait_for(6)
        overlay.close()
    assert [frame.key_frame for frame in frames[:2]] == [True, True]
    assert notices[0].endswith(": the sending process ended with status -9; trying again")


def test_a_slow_server_is_reported_and_sent_fewer_pictures(pictures, senders, monkeypatch):
    monkeypatch.setattr(live_overlay, "_MAX_WAITING_SECONDS", 0.05)
    notices = []
    with Viewer() as viewer:
        overlay = LiveOverlay(viewer.url, "north", notices.append)
        encoded = pictures(GROUP)
        overlay.take(1, encoded[0])
        viewer.wait_for(1)
        senders[0].send_signal(signal.SIGSTOP)
        wait_for(lambda: overlay._left_out or take_all(overlay, 2, encoded))
        senders[0].send_signal(signal.SIGCONT)
        take_all(overlay, 3, encoded)
        wait_for(lambda: len(notices) > 1 or take_all(overlay, 3, encoded))
        overlay.close()
    where = viewer.url
    assert notices[:2] == [
        f"the overlay of north is not sent to {where} completely: the server is too slow",
        f"the overlay of north is sent to {where} again",
    ]
    assert len(senders) == 1


def test_pictures_that_wait_too_long_are_left_out_up_to_a_key_frame(pictures, monkeypatch):
    now = 0.0
    monkeypatch.setattr(live_overlay, "time", SimpleNamespace(monotonic=lambda: now))
    monkeypatch.setattr(LiveOverlay, "_run", lambda self: None)  # nothing is sent
    overlay = LiveOverlay("udp://127.0.0.1:9", "north", print)
    overlay._is_connected = True
    encoded = pictures(23)
    for now, picture in enumerate(encoded):  # noqa: B007
        overlay.take(1, picture)
    assert [waiting.picture for waiting in overlay._waiting] == encoded[20:23]
    assert overlay.is_failing
    overlay.close()
    sender = SimpleNamespace(suits=lambda picture: True)
    assert overlay._next(sender).picture is encoded[20]
    now += 2
    assert overlay._next(sender) is None


def test_a_different_later_fault_is_reported_too(pictures):
    notices = []
    port = free_port()
    overlay = LiveOverlay(f"rtsp://127.0.0.1:{port}/a", "north", notices.append, answer_seconds=0.3)
    take_all(overlay, 1, pictures(1))
    wait_for(lambda: notices)
    with socket.create_server(("127.0.0.1", port)):
        wait_for(lambda: len(notices) == 2)
        overlay.close()
    assert "Connection refused" in notices[0]
    assert "no answer within 0.3 s" in notices[1]


@pytest.mark.parametrize("scheme", ["rtsp", "rtmp"])
def test_a_server_that_never_answers_is_reported_once(pictures, scheme):
    notices = []
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        url = f"{scheme}://user:s3cret@127.0.0.1:{port}/sent"
        overlay = LiveOverlay(url, "north", notices.append, answer_seconds=0.3)
        take_all(overlay, 1, pictures(10))
        connections = [silent.accept()[0] for _ in range(3)]
        overlay.close()
        for connection in connections:
            connection.close()
    address = f"{scheme}://127.0.0.1:{port}"
    assert notices == [
        f"the overlay of north is not sent to {address}: no answer within 0.3 s; trying again"
    ]


def test_all_pictures_arrive_over_rtmp(pictures):
    url = f"rtmp://127.0.0.1:{free_port()}/live/north"
    found = []

    def view():
        # As a server, FFmpeg treats the end of the connection as an error.
        with av.open(url, options={"listen": "1"}) as container, contextlib.suppress(OSError):
            found.extend(frame.key_frame for frame in container.decode(video=0))

    viewer = threading.Thread(target=view)
    viewer.start()
    overlay = LiveOverlay(url, "north", print)
    encoded = pictures(150)
    overlay.take(1, encoded[0])
    wait_for(lambda: overlay._is_connected)
    take_all(overlay, 1, encoded[1:])
    overlay.close()
    viewer.join()
    assert found == [picture.is_key for picture in encoded]


@pytest.mark.skipif(not available(), reason="GStreamer's RTSP server is not here")
def test_an_rtsp_server_may_start_late_and_restart(pictures, tmp_path):
    notices = []
    port = free_port()
    received = tmp_path / "received.ts"
    overlay = LiveOverlay(f"rtsp://127.0.0.1:{port}/sent", "north", notices.append)
    encoded = pictures(GROUP)
    finished = threading.Event()

    def feed():
        video = 0
        while not finished.wait(0.01):
            video += 1
            take_all(overlay, video, encoded)

    def has_received():
        return received.exists() and received.stat().st_size > 50_000

    feeder = threading.Thread(target=feed)
    feeder.start()
    try:
        wait_for(lambda: notices)
        assert overlay.is_failing
        with Server(port, "--received", str(received)):
            wait_for(has_received)
            wait_for(lambda: len(notices) == 2)
            assert not overlay.is_failing
        received.unlink()
        wait_for(lambda: len(notices) == 3)
        with Server(port, "--received", str(received)):
            wait_for(has_received)
            wait_for(lambda: len(notices) == 4)
    finally:
        finished.set()
        feeder.join()
        overlay.close()
    address = f"rtsp://127.0.0.1:{port}"
    refused = f"the overlay of north is not sent to {address}: Connection refused"
    again = f"the overlay of north is sent to {address} again"
    assert notices[:2] == [f"{refused}; trying again", again]
    assert notices[2].startswith(f"the overlay of north is not sent to {address}: ")
    assert notices[3] == again
    with av.open(str(received)) as container:
        assert next(container.decode(video=0)).width == 64
