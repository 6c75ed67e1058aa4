"""Encoded overlay pictures, and a viewer that receives them."""

import contextlib
import io
import socket
from fractions import Fraction

import av
from av.video.frame import VideoFrame

from stages.sink.encoding import PacketWriter, VideoSettings
from tests.waiting import wait_for

STEP = 3600
GROUP = 10
RECEIVED = 1 << 22


def make_pictures(folder, count, width=64):
    """Encodes and returns pictures of a video; every tenth is a key frame."""
    rate, clock, size = Fraction(25), Fraction(1, 90_000), (width, 48)
    settings = VideoSettings(
        *size, clock, rate, 1, Fraction(1), 23, "ultrafast", keyframe_seconds=GROUP / 25
    )
    made = []
    path = folder / "overlay.mp4"
    writer = PacketWriter(folder / "packets", path, settings, on_picture=made.append)
    for index in range(count):
        frame = VideoFrame(*size, "yuv420p")
        frame.pts, frame.time_base = index * STEP, clock
        writer.encode(frame)
    writer.close()
    assert [picture.is_key for picture in made] == [n % GROUP == 0 for n in range(count)]
    return made


class Viewer:
    """Receives MPEG-TS over UDP."""

    def __init__(self):
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVED)
        self._socket.bind(("127.0.0.1", 0))
        self._received = b""
        self.url = f"udp://127.0.0.1:{self._socket.getsockname()[1]}"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._socket.close()

    def frames(self):
        """Decodes and returns the frames received so far."""
        with contextlib.suppress(BlockingIOError):
            while True:
                self._received += self._socket.recv(1 << 16, socket.MSG_DONTWAIT)
        if not self._received:
            return []
        with av.open(io.BytesIO(self._received), format="mpegts") as container:
            return list(container.decode(video=0))

    def forget(self):
        """Discards everything received, like a viewer that joins only now."""
        self._received = b""

    def wait_for(self, count, seconds=15):
        """Waits until at least ``count`` frames are received; returns all."""
        return wait_for(lambda: len(found := self.frames()) >= count and found)
