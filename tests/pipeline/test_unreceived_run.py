"""The four processes on a camera whose frames are partly lost in transit."""

import socket
import threading
import time

import av
import numpy as np

from stages.result_files import read_report
from tools.harness.runner import run_with

FRAMES = 120
LOST = (60, 61, 90)


class Line:
    """A file object that passes what FFmpeg writes to a client."""

    def __init__(self, client):
        self._client = client

    def write(self, data):
        self._client.sendall(data)
        return len(data)


def send(listener):
    """Sends 25 frames a second to the first client, except the lost ones."""
    client, _ = listener.accept()
    options = {"flush_packets": "1"}
    with client, av.open(Line(client), "w", format="mpegts", options=options) as output:
        stream = output.add_stream("mpeg2video", rate=25)
        stream.width, stream.height, stream.pix_fmt = 192, 128, "yuv420p"
        stream.codec_context.gop_size = 0  # every frame is decoded by itself
        picture = np.random.default_rng(0).integers(0, 255, (192, 192), np.uint8)
        started = time.monotonic()
        for index in range(FRAMES):
            time.sleep(max(0.0, started + index / 25 - time.monotonic()))
            frame = av.VideoFrame.from_ndarray(picture, format="yuv420p")
            frame.pts = index
            packets = stream.encode(frame)
            if index not in LOST:
                output.mux(packets)


def test_frames_not_received_are_counted_even_if_frames_are_skipped(one_detection, tmp_path):
    more = ("decoder.every=2", "decoder.reconnect=false", "sink.overlay=false")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=send, args=(listener,), daemon=True).start()
        port = listener.getsockname()[1]
        result = run_with([f"tcp://127.0.0.1:{port}"], tmp_path / "out", [one_detection, *more])
    (name,) = result.finished
    report = read_report(tmp_path / "out" / name)
    assert report["frames_not_received"] == len(LOST)
