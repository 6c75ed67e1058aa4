"""Sources that go away and come back."""

from __future__ import annotations

import random
from pathlib import Path

from tools.chaos.outcome import Outcome, spread
from tools.harness.material import detections_of, make_clip
from tools.harness.rtsp import Server, available
from tools.harness.runner import Victim, run_with


def outages(folder: Path, times: int, seed: int = 2) -> Outcome:
    """An RTSP server that is killed and comes back, again and again."""
    if not available():
        return Outcome(0, "GStreamer's RTSP server is not here", None)
    clip = make_clip(folder, 5)
    rng = random.Random(seed)
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
            [f"detector.detections={detections_of(clip)}", "sink.overlay=false"],
            harm,
        )
    finally:
        server.kill()
    return Outcome(
        times,
        f"{len(recovered)} recovered, {spread(recovered)} after the server was back",
        len(recovered) == times and max(recovered) <= 2,
    )
