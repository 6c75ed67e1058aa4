"""Frame transport by third-party libraries; run by the Python of each library's environment.

    python peer_transports.py receive NAME HEIGHT WIDTH FRAMES PORT

prints ``rate`` and frames per second. It imports nothing from SpotStream, which is not installed
there, and starts a second instance of itself, with ``send``, as the other end.
"""

from __future__ import annotations

import ctypes
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import numpy as np


class ImageZmq:
    """imagezmq as documented: each frame waits for the reply to the previous one."""

    def send(self, images: list[Any], frames: int, port: int) -> None:
        """Sends ``frames`` frames."""
        import imagezmq

        with imagezmq.ImageSender(connect_to=f"tcp://127.0.0.1:{port}") as sender:
            for number in range(frames):
                sender.send_image("bench", images[number % len(images)])

    def receive(self, frames: int, port: int) -> Iterator[Any]:
        """Yields the frames as they arrive."""
        import imagezmq

        with imagezmq.ImageHub(open_port=f"tcp://127.0.0.1:{port}") as hub:
            for _ in range(frames):
                _, frame = hub.recv_image()
                hub.send_reply(b"OK")
                yield frame


class NetGear:
    """VidGear's NetGear in its default pattern, with or without JPEG (its default)."""

    def __init__(self, jpeg: bool) -> None:
        self._jpeg = jpeg

    def _end(self, port: int, receive: bool) -> Any:
        from vidgear.gears import NetGear as Gear

        return Gear(
            address="127.0.0.1",
            port=str(port),
            protocol="tcp",
            pattern=0,
            receive_mode=receive,
            jpeg_compression=self._jpeg,
        )

    def send(self, images: list[Any], frames: int, port: int) -> None:
        """Sends ``frames`` frames."""
        server = self._end(port, receive=False)
        for number in range(frames):
            server.send(images[number % len(images)])
        time.sleep(1)  # closing drops frames in flight
        server.close()

    def receive(self, frames: int, port: int) -> Iterator[Any]:
        """Yields the frames as they arrive."""
        client = self._end(port, receive=True)
        for _ in range(frames):
            frame = client.recv()
            if frame is None:
                return
            yield frame


_PR_SET_PDEATHSIG = 1
PEERS = {"imagezmq": ImageZmq(), "netgear": NetGear(False), "netgear_jpeg": NetGear(True)}


def main() -> None:
    """Sends, or starts a sender and receives; neither process outlives its parent."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    role, name, *numbers = sys.argv[1:]
    height, width, frames, port = (int(number) for number in numbers)
    peer: Any = PEERS[name]
    if role == "send":
        # Blocks of one colour, because noise would be unfair to JPEG.
        coarse = np.random.default_rng(0).integers(0, 256, (height // 8, width // 8, 3), np.uint8)
        image = coarse.repeat(8, axis=0).repeat(8, axis=1)
        # Several copies: like a video's frames, they are not in the CPU cache.
        peer.send([image.copy() for _ in range(8)], frames, port)
        return
    sender = subprocess.Popen([sys.executable, __file__, "send", name, *numbers])
    try:
        arrived = [time.monotonic() for _ in peer.receive(frames, port)]
        counted = arrived[frames // 10 :]  # both ends warm up first
        print("rate", (len(counted) - 1) / (counted[-1] - counted[0]), flush=True)
    finally:
        sender.kill()
        sender.wait()


if __name__ == "__main__":
    main()
    sys.stdout.flush()
