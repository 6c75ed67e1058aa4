"""Hostile messages to a running pipeline."""

from __future__ import annotations

import os
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

from pipeline.addresses import endpoint
from pipeline.config import RuntimeConfig
from pipeline.transport.keys import make_key
from stages.extras import installed
from stages.wording import counted
from tools.chaos.flood import flood
from tools.chaos.outcome import Outcome
from tools.chaos.strangers import announce_much, ask_nonsense
from tools.harness.material import detections_setting, make_clip
from tools.harness.ports import free_port
from tools.harness.runner import Victim, run_with

_MAX_SECONDS_TO_REST = 10
_REQUESTS = 200


def hostile_messages(folder: Path, messages: int) -> Outcome:
    """Sends nonsense and almost valid messages to all sockets and ports of a running pipeline."""
    clip = make_clip(folder, 30_000, 48, 64)
    sockets = ("detector-0", "tracker", "sink", "control", "ack-0", "commands")
    _, secret = make_key(folder / "keys", "server")
    publish_port, metrics_port = free_port(), free_port()
    settings = [
        detections_setting(clip),
        "decoder.pace=original",
        "sink.overlay=false",
        f"runtime.publish=tcp://127.0.0.1:{publish_port}",
        f"runtime.publish_key={secret}",
        f"runtime.publish_clients={secret.parent}",
    ]
    if installed("prometheus_client"):
        settings.append(f"runtime.metrics={metrics_port}")
    growth = 0.0
    refused = survived = False

    def harm(victim: Victim) -> None:
        nonlocal growth, refused, survived
        victim.wait_for_frames()
        sites = [endpoint(victim.folder, RuntimeConfig(), name) for name in sockets]
        # The memory of this process counts, so another one attacks.
        with ProcessPoolExecutor(1, get_context("spawn")) as attacker:
            # Buffers that fill once do not count as growth.
            attacker.submit(flood, sites, max(5000, messages // 10), seed=3).result()
            attacker.submit(ask_nonsense, metrics_port, _REQUESTS, seed=3).result()
            before = _resident_at_rest(victim)
            attacker.submit(flood, sites, messages, seed=4).result()
            refused = attacker.submit(announce_much, publish_port).result()
            attacker.submit(ask_nonsense, metrics_port, _REQUESTS, seed=4).result()
        after = _resident_at_rest(victim)
        growth = max(after[name] - before.get(name, 0) for name in after) / 2**20
        survived = victim.wait_for_frames(10) is not None
        victim.supervisor.stop()

    result = run_with([str(clip)], folder / "hostile", settings, harm)
    restarts = sum(result.restarts.values())
    memory = "no memory" if refused else "memory"
    return Outcome(
        messages * len(sockets),
        f"{counted(restarts, 'crash', 'crashes')}, largest growth of a process {growth:.1f} MB; "
        f"{memory} for peers without a key",
        survived and refused and not restarts and growth < 4,
    )


def _resident_at_rest(victim: Victim) -> dict[str, int]:
    """Returns `_resident` once it is constant for a second, with all messages processed."""
    latest: dict[str, int] = {}
    for _ in range(_MAX_SECONDS_TO_REST):
        before, latest = latest, _resident(victim)
        if before == latest:
            break
        time.sleep(1)
    return latest


def _resident(victim: Victim) -> dict[str, int]:
    """Returns the resident bytes of each process, including this one."""
    page = os.sysconf("SC_PAGE_SIZE")
    processes = victim.supervisor.processes() | {"supervisor": os.getpid()}
    return {
        name: int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * page
        for name, pid in processes.items()
    }
