import contextlib
import socket
import threading
from fractions import Fraction

import av
import numpy as np
import pytest

from stages.decoder.source import HeapAllocator
from tests.stages.decoder.recording import write_camera


@pytest.fixture
def slots():
    return HeapAllocator()


@pytest.fixture
def serve_tcp():
    """Returns a function that serves one viewer after the other, each with its own data."""
    with contextlib.ExitStack() as stack:

        def start(*viewers):
            listener = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
            threading.Thread(target=send, args=(listener, viewers), daemon=True).start()
            return f"tcp://127.0.0.1:{listener.getsockname()[1]}"

        def send(listener, viewers):
            for data in viewers:
                client, _ = listener.accept()
                with client, contextlib.suppress(OSError):
                    client.sendall(data)

        yield start


@pytest.fixture
def touch(tmp_path):
    """Returns a function that creates empty files in the test's folder."""

    def touch(*names):
        for name in names:
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).touch()

    return touch


def write_video(
    path,
    frames=12,
    width=96,
    height=64,
    pts=None,
    pix_fmt="yuv420p",
    noise=False,
    codec="libx264",
    aspect=None,
    movflags="faststart",
    codec_options=None,
):
    """Writes a video, H.264 by default, whose frame ``i`` is grey of level ``20 + 15 * i``."""
    rng = np.random.default_rng(0)
    options = {"movflags": movflags} if path.suffix == ".mp4" else {}
    with av.open(str(path), "w", options=options) as container:
        stream = container.add_stream(codec, rate=25, options=codec_options or {})
        stream.width, stream.height, stream.pix_fmt = width, height, pix_fmt
        stream.time_base = stream.codec_context.time_base = Fraction(1, 1000)
        if aspect is not None:
            stream.codec_context.sample_aspect_ratio = aspect
        for index in range(frames):
            image = np.full((height, width, 3), min(255, 20 + 15 * index), np.uint8)
            if noise:
                image = rng.integers(0, 255, image.shape, dtype=np.uint8)
            frame = av.VideoFrame.from_ndarray(image, format="bgr24")
            frame.pts = index * 40 if pts is None else pts[index]
            frame.time_base = Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


@pytest.fixture
def make_video(tmp_path):
    def make(name="crossing.mp4", **options):
        write_video(tmp_path / name, **options)
        return tmp_path / name

    return make


@pytest.fixture
def camera(tmp_path):
    """A video of a camera, see `write_camera`."""
    path = tmp_path / "camera.ts"
    write_camera(path)
    return path
