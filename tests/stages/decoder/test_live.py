"""A real RTSP server that is killed, falls silent, stalls and returns."""

import http.server
import itertools
import math
import os
import shutil
import subprocess
import threading
import time

import pytest

from stages.decoder import outages
from stages.decoder.live import LiveSource
from stages.decoder.live_options import LiveOptions
from stages.decoder.recorder import Recorder
from stages.decoder.recording_source import RecordingSource
from stages.decoder.source import FrameSelection, SourceRuntime
from stages.errors import SourceError
from stages.records import EndOfStream, EndReason, Frame, StreamStart
from tools.harness.rtsp import Server, Wire, available

needs_server = pytest.mark.skipif(not available(), reason="GStreamer's RTSP server is not here")


class Viewer:
    """Reads a live source in small portions, as a decoder process would."""

    def __init__(self, url, slots, recorder=None, timeout=5.0, **options):
        self.notices = []
        self.stop = threading.Event()
        settings = LiveOptions(timeout, first_wait=0.1, longest_wait=0.4, **options)
        notify = self.notices.append
        self._source = LiveSource(
            url,
            name="cam",
            options=settings,
            recorder=recorder,
            runtime=SourceRuntime(wait=self.stop.wait, notify=notify, lost=notify, back=notify),
        )
        self._records = self._source.records(slots)
        self.starts, self.frames, self.all = [], [], []

    def read(self, frames, epoch=0):
        """Reads until ``frames`` frames of the epoch have arrived."""
        while sum(f.header.epoch == epoch for f in self.frames) < frames:
            record = next(self._records)
            if isinstance(record, StreamStart):
                self.starts.append(record)
                continue
            self.all.append(record)
            if isinstance(record, Frame):
                self.frames.append(record)
        return self

    def close(self):
        self._records.close()


@pytest.fixture
def viewer(slots):
    opened = []

    def make(url, **options):
        opened.append(Viewer(url, slots, **options))
        return opened[-1]

    yield make
    for each in opened:
        each.close()


@pytest.mark.parametrize("patient", [False, True])
def test_a_protocol_that_ffmpeg_lacks_is_reported_at_once(viewer, patient):
    camera = viewer("srt://127.0.0.1:9000", patient=patient)
    with pytest.raises(SourceError, match="built without srt://"):
        camera.read(1)
    assert camera.notices == []


@needs_server
def test_a_restarted_server_is_reconnected_in_a_new_epoch(viewer, tmp_path, slots):
    with Server() as server:
        url = f"rtsp://127.0.0.1:{server.port}/live"
        camera = viewer(url, recorder=Recorder(tmp_path, url, 60, 10**9)).read(10)
        server.kill()
        with Server(server.port, "--size", "192x128"):
            camera.read(10, epoch=1)
    assert [(s.epoch, s.width, s.height) for s in camera.starts] == [(0, 160, 96), (1, 192, 128)]
    sequences = [r.header.sequence if isinstance(r, Frame) else r.first for r in camera.all]
    assert sequences == list(range(len(sequences)))
    assert camera.frames[-1].pixels.shape == (192, 192)
    for epoch in range(2):  # the first key frame of a connection is used; the next is 2 s later
        assert next(f for f in camera.frames if f.header.epoch == epoch).header.seconds < 1
    camera.close()
    records = RecordingSource(tmp_path, name="cam").records(slots)
    recorded = [r for r in records if isinstance(r, Frame)]
    assert recorded[0].header.pts == 0
    assert len(recorded) >= len(camera.frames)
    lost, back = camera.notices
    assert "connecting again" in lost
    assert "is back" in back


def open_for_the_third_connection(wire):
    while wire.connections < 3 and wire.mode != "open":
        time.sleep(0.01)
    wire.mode = "open"


@needs_server
@pytest.mark.parametrize("fault", ["cut", "silent", "lossy"])
def test_a_broken_or_stalled_connection_is_re_established(viewer, fault):
    with Server() as server, Wire(server.port) as wire:
        camera = viewer(f"rtsp://127.0.0.1:{wire.port}/live", timeout=1.0).read(5)
        if fault == "cut":
            wire.cut()
        else:
            wire.mode = fault
            threading.Thread(
                target=open_for_the_third_connection, args=(wire,), daemon=True
            ).start()
        started = time.monotonic()
        camera.read(5, epoch=1)
        assert time.monotonic() - started < 100
        assert wire.connections >= (2 if fault == "cut" else 3)
    if fault == "silent":  # the last frame was delivered when FFmpeg gave up
        before, last = [f.header for f in camera.frames if f.header.epoch == 0][-2:]
        assert last.captured_ns - before.captured_ns < 0.9e9


@needs_server
@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not here")
def test_an_encrypted_camera_is_read_and_reconnected(viewer, tmp_path):
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    request = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=camera"]
    files = ["-keyout", str(key), "-out", str(certificate)]
    subprocess.run([*request, *files], check=True, capture_output=True)
    certificate.write_text(key.read_text() + certificate.read_text())
    with Server(0, "--certificate", str(certificate)) as server:
        camera = viewer(f"rtsps://127.0.0.1:{server.port}/live").read(5)
        server.kill()
        with Server(server.port, "--certificate", str(certificate)):
            camera.read(5, epoch=1)


@needs_server
def test_a_camera_that_refuses_tcp_is_read_over_udp(viewer):
    with Server(0, "--udp") as server:
        url = f"rtsp://127.0.0.1:{server.port}/live"
        viewer(url).read(5)
        with pytest.raises(SourceError, match="Protocol not supported"):
            viewer(url, transport="tcp", connect_seconds=0).read(1)


@needs_server
def test_two_viewers_can_read_a_camera_with_sound(viewer):
    with Server(0, "--sound") as server:
        url = f"rtsp://127.0.0.1:{server.port}/live"
        first = viewer(url).read(3)
        viewer(url, connect_seconds=30).read(3)
        first.read(6)
    assert first.notices == []


@needs_server
def test_missing_frames_are_noticed_while_the_sound_continues(viewer):
    with Server(0, "--sound", "--pictures", "30") as server:
        camera = viewer(f"rtsp://127.0.0.1:{server.port}/live", timeout=1.0).read(3)

        def end():  # otherwise, the test would wait forever
            camera.stop.set()
            server.kill()

        timer = threading.Timer(100, end)
        timer.start()
        camera.read(3, epoch=1)
        timer.cancel()
    assert "delivered no frame in time; connecting again" in camera.notices[0]


@needs_server
def test_a_server_that_accepts_but_stays_silent_is_given_up(viewer):
    with Server() as server, Wire(server.port) as wire:
        wire.mode = "silent"
        url = f"rtsp://127.0.0.1:{wire.port}/live"
        camera = viewer(url, timeout=0.5, connect_seconds=4)
        started = time.monotonic()
        with pytest.raises(SourceError, match="gave up after 4 s"):
            camera.read(1)
        assert time.monotonic() - started < 100
        assert 1 < wire.connections < 20


@needs_server
def test_a_wrong_password_fails_at_once_and_is_never_shown(viewer, capfd):
    with Server(0, "--password", "right") as server, Wire(server.port) as wire:
        viewer(f"rtsp://viewer:right@127.0.0.1:{wire.port}/live").read(3)
        tried = wire.connections
        camera = viewer(f"rtsp://viewer:wr0ng@127.0.0.1:{wire.port}/live")
        with pytest.raises(SourceError, match="401 Unauthorized") as error:
            camera.read(1)
        assert wire.connections == tried + 1
    assert "wr0ng" not in str(error.value) + "".join(capfd.readouterr())
    assert camera.notices == []


@needs_server
def test_a_camera_that_refuses_at_first_is_retried_if_patient(viewer):
    with Server(0, "--password", "another") as server, Wire(server.port) as wire:
        url = f"rtsp://viewer:right@127.0.0.1:{wire.port}/live"
        camera = viewer(url, patient=True, connect_seconds=math.inf, refused_wait=0.5)

        def unlock():
            while wire.connections < 3:
                time.sleep(0.01)
            server.kill()
            unlocked.append(Server(server.port, "--password", "right"))

        unlocked = []
        thread = threading.Thread(target=unlock)
        thread.start()
        camera.read(3)
        thread.join()
        unlocked[0].kill()
    assert "401 Unauthorized" in camera.notices[0]
    assert "is back after" in camera.notices[1]
    assert len(camera.notices) == 2


class Forbidding(http.server.BaseHTTPRequestHandler):
    """A camera that answers every request with 403 Forbidden."""

    def do_GET(self):
        self.send_error(403)

    def log_message(self, *args):
        pass


def test_a_refusing_camera_is_retried_less_often_than_a_missing_one(slots):
    options = LiveOptions(
        20.0, patient=True, connect_seconds=math.inf, longest_wait=0.4, refused_wait=70.0
    )
    waits = []

    def wait(seconds):
        waits.append(seconds)
        if len(waits) == 2:
            server.server_close()  # from now on, no server answers
        return len(waits) == 3

    with http.server.HTTPServer(("127.0.0.1", 0), Forbidding) as server:
        threading.Thread(target=lambda: [server.handle_request() for _ in range(2)]).start()
        url = f"http://127.0.0.1:{server.server_port}/live"
        runtime = SourceRuntime(wait=wait)
        assert (
            list(LiveSource(url, name="cam", options=options, runtime=runtime).records(slots)) == []
        )
    assert waits[:2] == [70.0, 70.0]
    assert waits[2] <= 0.4


@needs_server
def test_a_password_change_during_an_outage_is_reported(viewer, monkeypatch):
    monkeypatch.setattr(outages, "_SILENT_SECONDS", 1.0)
    with Server(0, "--password", "right") as server:
        camera = viewer(f"rtsp://viewer:right@127.0.0.1:{server.port}/live", refused_wait=0.2)
        camera.read(3)
        server.kill()
    threading.Thread(target=stop_when_reported, args=(camera, "401"), daemon=True).start()
    with Server(server.port, "--password", "another"), pytest.raises(StopIteration):
        camera.read(1, epoch=1)
    refusals = [line for line in camera.notices if "401 Unauthorized" in line]
    assert len(refusals) == 1
    assert "right" not in "".join(camera.notices)


def stop_when_reported(camera, reason, seconds=100):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and not any(reason in line for line in camera.notices):
        time.sleep(0.01)
    camera.stop.set()


@needs_server
def test_a_stop_request_ends_an_outage(viewer):
    with Server() as server:
        camera = viewer(f"rtsp://127.0.0.1:{server.port}/live").read(3)
        server.kill()
    threading.Timer(0.5, camera.stop.set).start()
    with pytest.raises(StopIteration):
        camera.read(1, epoch=1)


@needs_server
def test_the_last_frame_of_a_range_ends_the_stream(slots):
    with Server() as server:
        source = LiveSource(
            f"rtsp://127.0.0.1:{server.port}/live",
            name="cam",
            selection=FrameSelection(1, 8),
        )
        records = list(itertools.islice(source.records(slots), 50))
    assert records[-1] == EndOfStream("cam", 0, 8, EndReason.COMPLETE)


@needs_server
def test_no_file_descriptors_leak_across_reconnects(viewer):
    def descriptors():
        return len(os.listdir("/proc/self/fd"))  # noqa: PTH208

    with Server() as server, Wire(server.port) as wire:
        camera = viewer(f"rtsp://127.0.0.1:{wire.port}/live").read(2)
        before = descriptors() - 2 * wire.connections
        for epoch in range(1, 5):
            wire.cut()
            camera.read(2, epoch=epoch)
        assert descriptors() - 2 * wire.connections <= before + 1
