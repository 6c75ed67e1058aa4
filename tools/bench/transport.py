"""Frame transport of the pipeline compared with bare ZeroMQ and third-party libraries."""

from __future__ import annotations

import subprocess
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np

from pipeline.config_file import load_config
from pipeline.reports import Progress, Report
from pipeline.supervision.supervisor import Supervisor
from stages.decoder.locations import SourceSpec
from stages.errors import SpotStreamError
from stages.records import PixelFormat
from tools.bench.figures import RATE, BenchReport, Ratio, Runner, measure
from tools.bench.hop import Load, bare_hop, our_hop
from tools.bench.peers import failure_of, peer_python
from tools.bench.processor import cpu_seconds
from tools.harness.runner import report_of_run

DRIVER = Path(__file__).with_name("peer_transports.py")
SMALL_BYTES = 64
HOP_RATE = 100
_PEER_SECONDS = 300.0
PEERS = {"imagezmq": "imagezmq", "netgear": "vidgear", "netgear_jpeg": "vidgear"}
"""Environment of each library, by its name in ``peer_transports.py``."""

FOUR = "four processes, shared memory"
TINY = "four processes, 64×48 pixels"
SHARED = "one hop, shared memory"
INLINE = {"tcp": "one hop, inline, tcp", "ipc": "one hop, inline, ipc"}
BARE = {"tcp": "bare pyzmq, tcp", "ipc": "bare pyzmq, ipc"}
BARE_SMALL = "bare pyzmq, 64 bytes"
PACED, BARE_PACED = f"one hop at {HOP_RATE}/s", f"bare pyzmq, 64 bytes at {HOP_RATE}/s"
COPY = "memcpy"

RATIOS = (
    Ratio(FOUR, TINY),
    Ratio(SHARED, BARE_SMALL),
    *(Ratio(INLINE[kind], BARE[kind], aim=0.7 if kind == "tcp" else None) for kind in INLINE),
    *(Ratio(INLINE["tcp"], name) for name in PEERS),
    Ratio(PACED, BARE_PACED, "p50 ms"),
    Ratio(PACED, BARE_PACED, "p99 ms"),
)


def bench_transport(
    peers: Path | None = None,
    *,
    frames: int = 300,
    rounds: int = 5,
    warm_up: int = 1,
    port: int = 6200,
    progress: Callable[[str], None] = lambda what: None,
) -> BenchReport:
    """Measures frames per second of every transport, and the latency of a hop.

    Args:
        peers: Folder of the environments of imagezmq and VidGear; None leaves them out.
        frames: Inline frames per round; ten times as many in shared memory, which is faster.
        rounds: Number of rounds, each measuring all in turn.
        warm_up: Number of uncounted rounds before them.
        port: First TCP port.
        progress: Called with what is being measured.

    Raises:
        SpotStreamError: A process failed, or a peer cannot be installed.
    """
    inline = Load(frames=frames)
    shared = Load(pixel_format=PixelFormat.YUV420P, frames=10 * frames)
    tiny = Load(48, 64, PixelFormat.YUV420P, 10 * frames)
    paced = Load(pixel_format=PixelFormat.YUV420P, frames=2 * frames, rate=HOP_RATE)
    runners: dict[str, Runner] = {
        FOUR: partial(four_processes, shared),
        TINY: partial(four_processes, tiny),
        SHARED: partial(our_hop, shared, "shared", "ipc", port),
        BARE_SMALL: partial(bare_hop, Load(frames=100 * frames), SMALL_BYTES, "ipc", port - 1),
        INLINE["tcp"]: partial(our_hop, inline, "inline", "tcp", port),
        BARE["tcp"]: partial(bare_hop, inline, inline.frame_bytes, "tcp", port - 1),
        INLINE["ipc"]: partial(our_hop, inline, "inline", "ipc", port),
        BARE["ipc"]: partial(bare_hop, inline, inline.frame_bytes, "ipc", port - 1),
        PACED: partial(our_hop, paced, "shared", "ipc", port),
        BARE_PACED: partial(bare_hop, paced, SMALL_BYTES, "ipc", port - 1),
        COPY: partial(_memcpy, shared),
    }
    if peers is not None:
        for name, environment in PEERS.items():
            python = peer_python(peers, environment, progress)
            runners[name] = partial(peer_transport, name, python, inline, port - 2)
    return measure("transport", runners, RATIOS, rounds=rounds, warm_up=warm_up, progress=progress)


def four_processes(load: Load) -> dict[str, float]:
    """Sends blank frames through decoder, detector, tracker and sink, as in a run.

    Detector and tracker find nothing, and the sink writes no overlay.

    Returns:
        Frames per second, and CPU time per frame of each process; the busiest process limits the
        rate.

    Raises:
        SpotStreamError: The run failed.
    """
    samples: list[tuple[int, dict[str, float]]] = []

    def sample(supervisor: Supervisor, report: Report) -> None:
        if isinstance(report, Progress):
            used = {name: cpu_seconds(pid) for name, pid in supervisor.processes().items()}
            samples.append((report.frames, used))

    with tempfile.TemporaryDirectory(prefix="spotstream-bench-") as folder:
        nothing = Path(folder) / "blank.txt"
        nothing.touch()
        settings = [f"detector.detections={nothing}", "sink.overlay=false", "runtime.mode=lossless"]
        source = SourceSpec("blank", load.location())
        report = report_of_run(source, load_config(None, settings), sample)
    values = {RATE: float(report["achieved_fps"])}
    (first, before), (last, after) = (samples[0], samples[-1]) if samples else ((0, {}), (0, {}))
    if last > first:
        for name in before.keys() & after.keys():
            stage = name.partition(" ")[0]
            values[f"CPU ms/frame, {stage}"] = (after[name] - before[name]) / (last - first) * 1e3
    return values


def peer_transport(name: str, python: Path, load: Load, port: int) -> dict[str, float]:
    """Measures frames per second of a third-party library over TCP between two processes.

    Raises:
        SpotStreamError: The library failed (the message is its last line of output) or hangs.
    """
    numbers = [str(number) for number in (load.height, load.width, load.frames, port)]
    command: list[str | Path] = [python, DRIVER, "receive", name, *numbers]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_PEER_SECONDS)
    except subprocess.TimeoutExpired as error:
        raise SpotStreamError(f"{name} was not done after {_PEER_SECONDS:g} s") from error
    rates = [line.split()[1] for line in done.stdout.splitlines() if line.startswith("rate ")]
    if not rates:
        raise failure_of(name, done.stderr)
    return {RATE: float(rates[0])}


def _memcpy(load: Load) -> dict[str, float]:
    shape = load.pixel_format.shape(load.height, load.width)
    sources = [np.full(shape, number, np.uint8) for number in range(8)]
    target = np.empty_like(sources[0])
    count = 40
    started = time.perf_counter()
    for number in range(count):
        np.copyto(target, sources[number % len(sources)])
    return {RATE: count / (time.perf_counter() - started)}
