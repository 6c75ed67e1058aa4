"""Capture times of frames that a silence withholds, over a real connection and one by one."""

import itertools
import socket
import threading
import time
from fractions import Fraction

import av
import pytest

from stages.decoder.capture_times import CaptureTimes
from stages.decoder.live import LiveSource
from stages.decoder.live_options import LiveOptions
from stages.records import Frame
from tests.stages.decoder.streams import write_stream

STEP = 40_000_000  # ns
VIDEO = 256  # PID of the video's packets
PAUSE = 1.0  # seconds


def frames_of(path):
    """Returns the bytes of each frame of an MPEG-TS file; the first includes what precedes it."""
    data, frames = path.read_bytes(), [b""]
    for start in range(0, len(data), 188):
        packet = data[start : start + 188]
        begins, number = packet[1] & 0x40, int.from_bytes(packet[1:3]) & 0x1FFF
        if begins and number == VIDEO and len(frames[-1]) > 3 * 188:
            frames.append(b"")
        frames[-1] += packet
    return frames


def test_frames_before_a_silence_keep_their_spacing(tmp_path, slots):
    write_stream(tmp_path / "camera.ts", 30, size=(64, 48))
    frames, over = frames_of(tmp_path / "camera.ts"), threading.Event()
    assert len(frames) == 30

    def send():
        client, _ = listener.accept()
        with client:
            for index, frame in enumerate(frames):
                if index == 20:
                    time.sleep(PAUSE)
                client.sendall(frame)
                time.sleep(0.02)
            over.wait(100)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=send, daemon=True).start()
        url = f"tcp://127.0.0.1:{listener.getsockname()[1]}"
        options = LiveOptions(timeout=2.0, reconnect=False)
        records = list(LiveSource(url, name="cam", options=options).records(slots))
    over.set()
    times = [r.header.captured_ns for r in records if isinstance(r, Frame)]
    steps = [after - before for before, after in itertools.pairwise(times)]
    assert len(times) == 30
    assert steps[17:19] == [STEP] * 2  # of frames 18 and 19, which arrived after the pause
    assert steps[19] > 0.5e9
    assert steps[27:] == [STEP] * 2  # of the last two, received when the connection was given up


class Connection:
    """Receives packets with given times, each after a wait; the clock starts at 0."""

    def __init__(self):
        self.now = 0.0
        self.set_by = 0  # ns by which the wall clock was set forward
        self._captures = CaptureTimes(Fraction(1, 1000))
        self._waits = []
        self._packets = self._captures.watched(self._arriving(), lambda: self.now)

    def _arriving(self):
        while True:
            wait, pts = self._waits.pop(0)
            self.now += wait
            packet = av.Packet(b"a frame")
            packet.pts = pts
            yield packet

    def receive(self, wait, pts):
        self._waits.append((wait, pts))
        next(self._packets)

    def date(self, pts, placed=None):
        """Returns the wall-clock time, in seconds, at which a frame was captured."""
        now_ns = round(self.now * 1e9) + self.set_by
        return self._captures.date(pts, pts if placed is None else placed, now_ns) / 1e9


def test_reordered_frames_withheld_by_a_silence_are_dated_before_it():
    connection = Connection()
    for pts in (0, 120, 40, 80):
        connection.receive(0.04, pts)
    assert connection.date(0) == pytest.approx(0.16)
    connection.receive(3, 240)
    assert [connection.date(pts) for pts in (40, 80, 120)] == pytest.approx([0.2, 0.24, 0.28])
    connection.receive(0.04, 160)
    connection.receive(0.04, 200)
    assert connection.date(200) == pytest.approx(3.24)  # no longer withheld: dated on arrival
    assert connection.date(240) == pytest.approx(3.24)  # not earlier than the previous frame


@pytest.mark.parametrize("step", [1.0, 10.0])
def test_widely_spaced_frames_are_dated_by_their_arrival(step):
    connection = Connection()
    for index in range(50):
        connection.receive(step + 0.1, round(index * step * 1000))  # a camera whose clock is slow
        assert connection.date(round(index * step * 1000)) == pytest.approx(connection.now)


def test_dating_follows_arrival_again_after_a_pause_absent_from_the_times():
    connection = Connection()
    connection.receive(1, 0)
    connection.date(0)
    connection.receive(4, 1000)
    assert connection.date(1000) == pytest.approx(2)
    for pts in (2000, 3000, 4000):
        connection.receive(1, pts)
        captured = connection.date(pts)
    assert captured == pytest.approx(connection.now)


def test_a_camera_clock_change_dates_no_frame_in_the_future():
    connection = Connection()
    connection.receive(1, 0)
    connection.date(0, 100)
    connection.receive(3, 40)
    connection.receive(0, 5000)  # the camera has set its clock
    assert [connection.date(40, 140), connection.date(5000, 5100)] == pytest.approx([1.04, 4])


def test_frames_are_dated_by_the_wall_clock_when_it_is_set():
    connection = Connection()
    for index in range(4):
        connection.receive(1, index * 1000)
        connection.set_by = 3600 * 10**9 * (index > 1)
        assert connection.date(index * 1000) * 1e9 == pytest.approx(
            connection.now * 1e9 + connection.set_by
        )


def test_frames_without_a_time_are_dated_by_their_arrival():
    connection = Connection()
    for index in range(3):
        connection.receive(2, None)
        assert connection.date(None, index * 40) == pytest.approx(connection.now)
