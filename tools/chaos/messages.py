"""Messages that nobody should send, to a running pipeline."""

from __future__ import annotations

import os
import time
from pathlib import Path

from pipeline.addresses import endpoint
from pipeline.config import RuntimeConfig
from tools.chaos.hostile import flood
from tools.chaos.outcome import Outcome
from tools.harness.material import detections_of, make_clip
from tools.harness.runner import Victim, run_with

_MOST_SECONDS_TO_REST = 10


def hostile_messages(folder: Path, messages: int, seed: int = 3) -> Outcome:
    """Nonsense and nearly right messages to every socket of a running pipeline."""
    clip = make_clip(folder, 30_000, 48, 64)
    sockets = ("detector-0", "tracker", "sink", "control", "ack-0", "commands")
    restarts = growth = 0.0
    survived = False

    def harm(victim: Victim) -> None:
        nonlocal growth, survived
        victim.wait_for_frames()
        sites = [endpoint(victim.folder, RuntimeConfig(), name) for name in sockets]
        flood(sites, max(5000, messages // 10), seed)  # buffers that fill once are no growth
        before = _resident_at_rest(victim)
        flood(sites, messages, seed + 1)
        after = _resident_at_rest(victim)
        growth = max(after[name] - before.get(name, 0) for name in after) / 2**20
        survived = victim.wait_for_frames(10) is not None
        victim.supervisor.stop()

    result = run_with(
        [str(clip)],
        folder / "hostile",
        [
            f"detector.detections={detections_of(clip)}",
            "decoder.pace=original",
            "sink.overlay=false",
        ],
        harm,
    )
    restarts = sum(result.restarts.values())
    return Outcome(
        messages * len(sockets),
        f"{restarts:.0f} crashes, most growth of a process {growth:.1f} MB",
        survived and not restarts and growth < 4,
    )


def _resident_at_rest(victim: Victim) -> dict[str, int]:
    """What `_resident` tells once it has stayed for a second, when all that came was taken."""
    latest: dict[str, int] = {}
    for _ in range(_MOST_SECONDS_TO_REST):
        before, latest = latest, _resident(victim)
        if before == latest:
            break
        time.sleep(1)
    return latest


def _resident(victim: Victim) -> dict[str, int]:
    """Bytes in memory of each process, this one's among them."""
    page = os.sysconf("SC_PAGE_SIZE")
    processes = victim.supervisor.processes() | {"supervisor": os.getpid()}
    return {
        name: int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * page
        for name, pid in processes.items()
    }
