"""Decoding by the pipeline compared with a bare loop, the ffmpeg program and OpenCV."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import av
import cv2
import numpy as np

from pipeline.transport.ring import FrameRing, create_memory_file
from stages.atomic import writing
from stages.decoder.containers import frame_threads
from stages.decoder.locations import split_name
from stages.decoder.media import MediaSource
from stages.decoder.source import HeapAllocator
from stages.errors import SourceError
from stages.records import Frame, UInt8Array
from tools.bench.figures import CPU, RATE, BenchReport, Ratio, Runner, measure
from tools.bench.peers import failure_of, peer_python

OURS = "into a ring slot"
BARE = "bare PyAV"
PROGRAM = "ffmpeg -f null"
SAME_THREADS = "ffmpeg -f null, as many threads"
OPENCV = "OpenCV, to BGR"
RATIOS = (
    Ratio(OURS, PROGRAM, aim=0.95),
    Ratio(OURS, SAME_THREADS, aim=0.95),
    Ratio(OURS, BARE, aim=0.95),
    Ratio(OURS, OPENCV),
    Ratio(BARE, OURS, CPU, aim=0.95),
    Ratio(OPENCV, OURS, CPU),
)
_SLOTS = 8
_FIND_FFMPEG = "import imageio_ffmpeg; print(imageio_ffmpeg.get_ffmpeg_exe())"


def bench_decode(
    source: Path | None = None,
    peers: Path | None = None,
    *,
    frames: int = 480,
    rounds: int = 5,
    warm_up: int = 1,
    height: int = 1080,
    width: int = 1920,
    progress: Callable[[str], None] = lambda what: None,
) -> BenchReport:
    """Measures each way of decoding a video.

    Times include opening the video, except for the ffmpeg program, whose clocks start once the
    video is open. FFmpeg chooses its number of threads, except in ``stages/decoder`` and
    `SAME_THREADS`. OpenCV is left out if it cannot decode the video.

    Args:
        source: Video file; None for a generated one.
        peers: Folder of environments, for an ffmpeg program if none is installed.
        frames: Number of frames of the generated video.
        rounds: Number of rounds, each measuring all in turn.
        warm_up: Number of uncounted rounds before them.
        height: Height of the generated video in pixels.
        width: Width of the generated video in pixels.
        progress: Called with what is being measured.

    Raises:
        OutputError: The generated video cannot be written.
        SourceError: The video cannot be read.
        SpotStreamError: The ffmpeg program failed or cannot be installed.
    """
    with tempfile.TemporaryDirectory(prefix="spotstream-bench-") as folder:
        if source is None:
            progress("making a video")
            source = moving_video(Path(folder), frames, height, width)
        next(MediaSource(str(source), name="bench").records(HeapAllocator()))  # raises if broken
        runners: dict[str, Runner] = {
            OURS: partial(_timed, _into_ring, source),
            BARE: partial(_timed, _bare, source),
        }
        if opencv_decodes(source):
            runners[OPENCV] = partial(_timed, _opencv, source)
        program = _program(peers)
        if program is not None:
            runners[PROGRAM] = partial(_ffmpeg, program, source)
            runners[SAME_THREADS] = partial(_ffmpeg, program, source, "-threads", frame_threads())
        return measure("decode", runners, RATIOS, rounds=rounds, warm_up=warm_up, progress=progress)


def moving_images(frames: int, height: int, width: int) -> Iterator[UInt8Array]:
    """Yields planar YUV 4:2:0 ``(H * 3 / 2, W)``: a soft sliding texture with a little noise."""
    rng = np.random.default_rng(0)
    coarse = rng.integers(30, 220, (height // 16 + 2, width // 16 + 2), np.uint8)
    texture = cv2.resize(coarse, (width + 256, height), interpolation=cv2.INTER_CUBIC)
    noise = rng.integers(0, 6, (height, width), np.uint8)
    chroma = np.full((height // 2, width), 128, np.uint8)
    for index in range(frames):
        left = 3 * index % 256
        luma = texture[:, left : left + width] // 2 + np.roll(noise, 7 * index) + 40
        yield np.concatenate([luma, chroma])


def moving_video(folder: Path, frames: int, height: int, width: int) -> Path:
    """Writes `moving_images` as an H.264 video, similar to a traffic camera's.

    Raises:
        OutputError: The file system refuses.
    """
    path = folder / "moving.mp4"
    with writing(path), av.open(str(path), "w") as container:
        options = {"preset": "veryfast", "crf": "23"}
        stream = container.add_stream("libx264", rate=25, options=options)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for image in moving_images(frames, height, width):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, "yuv420p")))
        container.mux(stream.encode(None))
    return path


def _timed(decode: Callable[[Path], int], source: Path) -> dict[str, float]:
    started, used = time.perf_counter(), time.process_time()
    count = decode(source)
    used, seconds = time.process_time() - used, time.perf_counter() - started
    if not count:
        raise SourceError(f"{source} has no frames")
    return {RATE: count / seconds, CPU: used / count * 1e3}


def _into_ring(source: Path) -> int:
    descriptor, path = create_memory_file("bench")
    ring = _SlotsInTurn(FrameRing(path))
    try:
        records = MediaSource(str(source), name="bench").records(ring)
        return sum(isinstance(record, Frame) for record in records)
    finally:
        ring.close()
        os.close(descriptor)


class _SlotsInTurn:
    """Hands out the slots in turn, as if each were free again by its next turn."""

    def __init__(self, ring: FrameRing) -> None:
        self._ring = ring
        self._lent = 0

    def allocate(self, shape: tuple[int, ...]) -> UInt8Array:
        if not self._lent:
            self._ring.reserve(_SLOTS, int(np.prod(shape)))
        self._lent += 1
        return self._ring.slot(self._lent % _SLOTS, shape)

    def close(self) -> None:
        self._ring.close()


def _bare(source: Path) -> int:
    with av.open(str(source)) as container:
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
        return sum(1 for _ in container.decode(stream))


def _opencv(source: Path) -> int:
    capture = cv2.VideoCapture(str(source), cv2.CAP_FFMPEG)
    count = 0
    while capture.read()[0]:
        count += 1
    capture.release()
    return count


def left_out(source: str | Path | None, peers: Path | None) -> list[str]:
    """Returns messages on what `bench_decode` cannot measure here, with the remedy if any."""
    messages = opencv_left_out(source)
    if peers is None and not shutil.which("ffmpeg"):
        messages.append("there is no ffmpeg program: it is left out; --peers DIR installs one")
    return messages


def opencv_left_out(source: str | Path | None) -> list[str]:
    """Returns a message if ``source`` is a file that OpenCV cannot decode."""
    path = None if source is None else Path(split_name(str(source))[1])
    if path is None or not path.is_file() or opencv_decodes(path):
        return []
    return [f"OpenCV cannot decode {path}: it is left out"]


def opencv_decodes(video: Path) -> bool:
    """Returns whether OpenCV delivers frames of a video; it lacks PyAV's decoder of AV1."""
    return cv2.VideoCapture(str(video), cv2.CAP_FFMPEG).grab()


def _program(peers: Path | None) -> str | None:
    found = shutil.which("ffmpeg")
    if found or peers is None:
        return found
    python = peer_python(peers, "ffmpeg")
    done = subprocess.run([python, "-c", _FIND_FFMPEG], capture_output=True, text=True)
    if done.returncode:
        raise failure_of("imageio-ffmpeg", done.stderr)
    return done.stdout.strip()


def _ffmpeg(program: str, source: Path, *options: object) -> dict[str, float]:
    command = [program, "-nostdin", "-benchmark", *map(str, options), "-i", str(source)]
    command += ["-an", "-f", "null", "-"]
    done = subprocess.run(command, capture_output=True, text=True)
    counts = re.findall(r"frame=\s*(\d+)", done.stderr)
    times = re.search(r"utime=([\d.]+)s stime=([\d.]+)s rtime=([\d.]+)s", done.stderr)
    if done.returncode or times is None or not counts:
        raise failure_of(program, done.stderr)
    user, system, wall = (max(1e-3, float(seconds)) for seconds in times.groups())
    count = int(counts[-1])
    return {RATE: count / wall, CPU: (user + system) / count * 1e3}
