"""An RTSP server (RFC 2326) over TCP that sends each viewer what a test specifies."""

from __future__ import annotations

import base64
import contextlib
import re
import socket
import struct
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence

import av

from tests.stages.decoder.streams import write_stream

CLOCK = 90_000  # Hz
STEP = 0.04  # seconds
_FIRST_TICK = 1000  # FFmpeg takes 0 as missing
_PARAMETER_SETS = frozenset({7, 8})  # types of H.264 NAL units


def h264(path, frames, **options) -> list[bytes]:
    """Returns the frames that `write_stream` encodes, as bytes; every tenth is a key frame."""
    write_stream(path, frames, "h264", size=(64, 48), **options)
    with av.open(str(path)) as container:
        return [bytes(packet) for packet in container.demux() if packet.size]


class Camera:
    """Sends frames to a viewer that has asked to play."""

    def __init__(self, viewer: socket.socket) -> None:
        self.viewer = viewer
        self._sent = 0

    def send(self, frame: bytes, seconds: float) -> None:
        """Sends an H.264 frame with its time."""
        units = _units(frame)
        for unit in units:
            last = unit is units[-1]
            ticks = _FIRST_TICK + round(seconds * CLOCK)
            packet = struct.pack(">BBHII", 128, 96 + 128 * last, self._sent, ticks, 1) + unit
            self.viewer.sendall(b"$\0" + struct.pack(">H", len(packet)) + packet)
            self._sent += 1

    def send_all(self, frames: Sequence[bytes], begins: int = 0) -> None:
        """Sends frames at once, timed at 25 a second; the first has number ``begins``."""
        for index, frame in enumerate(frames, begins):
            self.send(frame, index * STEP)


@contextlib.contextmanager
def serve(
    play: Callable[[Camera], object],
    *,
    parameters: bytes = b"",
    tracks: str = "",
    rate: int = 25,
    length: str = "now-",
    position: str = "0-",
    answers: Mapping[str, str | None] | None = None,
) -> Iterator[str]:
    """Yields the URL; a connection ends when ``play`` returns.

    Args:
        play: Called for each viewer, in a thread.
        parameters: A frame whose parameter sets the description states, if any.
        tracks: Lines of the description for other tracks.
        rate: Frames per second by the description.
        length: Range of the video by the description.
        position: Where it plays from, by the answer to ``PLAY``.
        answers: Status lines and headers by method, instead of success; None: no answer.
    """
    sets = [unit for unit in _units(parameters) if unit[0] & 31 in _PARAMETER_SETS]
    described = ";sprop-parameter-sets=" + ",".join(
        base64.b64encode(each).decode() for each in sets
    )
    description = (
        f"v=0\r\ns=camera\r\nt=0 0\r\na=range:npt={length}\r\nm=video 0 RTP/AVP 96\r\n"
        f"a=rtpmap:96 H264/{CLOCK}\r\na=fmtp:96 packetization-mode=1{described if sets else ''}\r\n"
        f"a=framerate:{rate}\r\na=control:video\r\n{tracks}"
    )
    range_header = f"Range: npt={position}\r\nRTP-Info: url=video;seq=0;rtptime={_FIRST_TICK}"
    headers = {
        "DESCRIBE": f"Content-Type: application/sdp\r\nContent-Length: {len(description)}\r\n",
        "PLAY": f"Session: 1\r\n{range_header}\r\n",
    }

    def attend(viewer: socket.socket) -> None:
        with viewer, contextlib.suppress(OSError, ValueError):  # it disconnects
            while True:
                request = _request(viewer)
                method, number = request.split(" ")[0], re.search(r"CSeq: (\d+)", request)[1]
                head = headers.get(method, "")
                if transport := re.search(r"Transport: .*", request):
                    head = f"Session: 1\r\n{transport[0]}\r\n"
                answer = (answers or {}).get(method, "200 OK")
                if answer is not None:
                    body = description if method == "DESCRIBE" else ""
                    reply = f"RTSP/1.0 {answer}\r\nCSeq: {number}\r\n{head}\r\n{body}"
                    viewer.sendall(reply.encode())
                    if method == "PLAY":
                        play(Camera(viewer))
                        return

    def accept() -> None:
        with contextlib.suppress(OSError):
            while True:
                viewer, _ = listener.accept()
                threading.Thread(target=attend, args=(viewer,), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=accept, daemon=True).start()
        yield f"rtsp://127.0.0.1:{listener.getsockname()[1]}/live"


def _units(frame: bytes) -> list[bytes]:
    return [unit for unit in re.split(b"\0\0\0?\1", frame) if unit]


def _request(viewer: socket.socket) -> str:
    received = b""
    while not received.endswith(b"\r\n\r\n"):
        part = viewer.recv(1)
        if not part:
            raise ValueError
        received += part
    return received.decode()
