"""Sources that disappear and return, and cameras that set their clocks."""

from __future__ import annotations

import itertools
import random
import socket
from pathlib import Path

import av

from stages.result_files import OVERLAY, read_report
from tools.chaos.outcome import Outcome, spread
from tools.harness.material import RATE, detections_setting, make_clip
from tools.harness.ports import free_port
from tools.harness.rtsp import Server, available
from tools.harness.runner import Victim, run_with

_CLOCK_SECONDS = 7 * 3600
_DATAGRAM_BYTES = 1316  # seven packets of MPEG-TS


def outages(folder: Path, times: int) -> Outcome:
    """Kills and restarts an RTSP server repeatedly."""
    if not available():
        return Outcome(0, "GStreamer's RTSP server is not here", None)
    clip = make_clip(folder, 5)
    rng = random.Random(2)
    recovered: list[float] = []
    server = Server()

    def harm(victim: Victim) -> None:
        nonlocal server
        victim.wait_for_frames()
        for _ in range(times):
            victim.over.wait(rng.uniform(0.2, 1.0))
            server.kill()
            victim.over.wait(rng.uniform(0.1, 3.0))
            server = Server(server.port)
            seconds = victim.wait_for_frames(20)
            if seconds is not None:
                recovered.append(seconds)
        victim.supervisor.stop()

    try:
        run_with(
            [f"rtsp://127.0.0.1:{server.port}/live"],
            folder / "rtsp",
            [detections_setting(clip), "sink.overlay=false"],
            harm,
        )
    finally:
        server.kill()
    return Outcome(
        times,
        f"{len(recovered)} recovered, {spread(recovered)} after the server was back",
        len(recovered) == times and max(recovered) <= 2,
    )


def clock_jumps(folder: Path, frames: int) -> Outcome:
    """A camera sets its clock seven hours forward and back, each second; times must keep rising.

    The overlay must last about as long as its frames.
    """
    clip = make_clip(folder, RATE)
    stream = _with_clock_jump(clip)
    port = free_port(socket.SOCK_DGRAM)
    pause = 2 * _DATAGRAM_BYTES / len(stream)  # the stream lasts two seconds

    def harm(victim: Victim) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as camera:
            for start in itertools.cycle(range(0, len(stream), _DATAGRAM_BYTES)):
                camera.sendto(stream[start : start + _DATAGRAM_BYTES], ("127.0.0.1", port))
                if victim.frames() >= frames or victim.over.wait(pause):
                    break
        victim.supervisor.stop()

    result = run_with(
        [f"udp://127.0.0.1:{port}"],
        folder / "clock",
        [detections_setting(clip)],
        harm,
    )
    (summary,) = result.finished.values()
    results = Path(summary.folder)
    decoded = read_report(results)["frames"]["in"]
    with av.open(str(results / OVERLAY)) as container:
        assert container.duration is not None
        seconds = container.duration / 1e6
    return Outcome(
        decoded // RATE,
        f"{decoded} frames take {seconds:.1f} s in the overlay",
        0.5 < seconds * RATE / decoded < 2,
    )


def _with_clock_jump(clip: Path) -> bytes:
    """Returns the clip as MPEG-TS, twice: the second time with a clock that is hours ahead."""
    path = clip.with_suffix(".ts")
    with av.open(str(path), "w") as output:
        for number in range(2):
            with av.open(str(clip)) as source:
                video = source.streams.video[0]
                if not number:
                    target = output.add_stream_from_template(video)
                for packet in source.demux(video):
                    if packet.dts is not None and packet.pts is not None:
                        ahead = round(number * _CLOCK_SECONDS / packet.time_base)
                        packet.pts, packet.dts = packet.pts + ahead, packet.dts + ahead
                        packet.stream = target
                        output.mux(packet)
    return path.read_bytes()
