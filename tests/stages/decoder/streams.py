"""Short live streams, and the records that a source reads from them or from a file."""

import contextlib
import http.server
import itertools
import time
from pathlib import Path

import av
import cv2
import numpy as np

from stages.decoder.live import LiveSource
from stages.decoder.live_options import LiveOptions
from stages.decoder.media import MediaSource
from stages.decoder.source import SourceRuntime
from stages.records import Dropped, EndOfStream, Frame

DATAGRAM = 1316
OPTIONS = LiveOptions(timeout=2.0, connect_seconds=15.0)


def write_stream(
    path,
    frames,
    container="mpegts",
    hours=0,
    sound=0,
    size=(320, 240),
    codec="libx264",
    reordered=0,
    **options,
):
    """Writes a video that starts at time ``hours``, with ``sound`` audio packets of 24 ms each.

    ``reordered`` is the number of B-frames in a row.
    """
    width, height = size
    with av.open(str(path), "w", format=container, options=options) as output:
        encoder = {"preset": "ultrafast", "bf": str(reordered)}
        stream = output.add_stream(codec, rate=25, options=encoder)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.codec_context.gop_size = 10
        track = output.add_stream("mp2", rate=48_000) if sound else None
        rng = np.random.default_rng(0)
        for index in range(frames):
            image = rng.integers(0, 255, (height, width, 3), np.uint8)
            image[:, : 4 * index % (width - 20)] = 200
            frame = av.VideoFrame.from_ndarray(image, format="bgr24")
            frame.pts = hours * 3600 * 25 + index
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
        for _ in range(sound):
            silence = av.AudioFrame.from_ndarray(np.zeros((1, 2304), np.int16), layout="stereo")
            silence.sample_rate = 48_000
            output.mux(track.encode(silence))


class Camera(http.server.BaseHTTPRequestHandler):
    """Sends one JPEG after another, as cameras do, and breaks off after 40 of them."""

    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
        self.end_headers()
        for index in range(40):
            picture = np.full((96, 128, 3), 5 * index, np.uint8)
            data = cv2.imencode(".jpg", picture)[1].tobytes()
            head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(data)}\r\n\r\n"
            try:
                self.wfile.write(head.encode() + data + b"\r\n")
            except OSError:
                return
            time.sleep(0.01)

    def log_message(self, *args):
        pass


def read(url, slots, frames, options=OPTIONS, notify=lambda line: None, **services):
    """Returns the records of a live source until ``frames`` frames have arrived or it ends."""
    runtime = SourceRuntime(notify=notify, lost=notify, back=notify, **services)
    source = LiveSource(url, name="cam", options=options, runtime=runtime)
    records, count = [], 0
    for record in source.records(slots):
        records.append(record)
        count += isinstance(record, Frame)
        if count == frames or isinstance(record, EndOfStream):
            break
    return records


def read_media(location, slots, **options):
    return list(MediaSource(str(location), name="cam", **options).records(slots))


class Files(http.server.SimpleHTTPRequestHandler):
    """Serves the files of a folder."""

    def log_message(self, *args):
        pass


class Chunks(Files):
    """Sends a file without stating its size."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        data = Path(self.translate_path(self.path)).read_bytes()
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        with contextlib.suppress(OSError):
            self.wfile.write(b"%x\r\n%b\r\n0\r\n\r\n" % (len(data), data))


def numbers(records):
    return list(
        itertools.chain.from_iterable(
            [r.header.sequence] if isinstance(r, Frame) else range(r.first, r.last + 1)
            for r in records
            if isinstance(r, Frame | Dropped)
        )
    )
