"""Processes killed at random moments."""

from __future__ import annotations

import random
import time
from contextlib import nullcontext
from pathlib import Path

import av

from stages.result_files import DETECTIONS, OVERLAY, TIMES, TRACKS, read_report
from stages.wording import counted
from tools.chaos.outcome import Outcome, spread
from tools.harness.material import NAME, RATE, detections_setting, make_clip
from tools.harness.runner import Victim, run_with

_TEXTS = (TRACKS, DETECTIONS, TIMES)
_STARTING_SHARE = 0.1  # fraction of the kills that may hit processes still starting
_SUSPENDED_SHARE = 0.2  # fraction of the kills during which another process is suspended
_SUSPENDED_SECONDS = 4.0


def kills_in_lossless_runs(folder: Path, kills: int) -> Outcome:
    """Sends SIGKILL to random processes at random moments, over as many runs as needed.

    During some, another process is suspended until the killed one may be back, or longer.

    All results must equal those of an undisturbed run, and the overlay must have every frame.
    """
    clip = make_clip(folder, 300)
    settings = [detections_setting(clip, delay_ms=10), "detector.workers=2"]
    run_with([str(clip)], folder / "calm", settings)
    wanted = _results(folder / "calm" / NAME)
    rng = random.Random(0)
    done = lost = repeated = different = 0

    def harm(victim: Victim) -> None:
        nonlocal done
        while done < kills and not victim.over.is_set():
            if rng.random() > _STARTING_SHARE:
                victim.wait(victim.is_ready)
            suspended = rng.random() < _SUSPENDED_SHARE
            with victim.one_suspended(rng) if suspended else nullcontext():
                victim.over.wait(rng.uniform(0, 0.4))
                done += bool(victim.kill_one(rng))
                victim.over.wait(rng.uniform(0, _SUSPENDED_SECONDS) * suspended)

    while done < kills:
        output = folder / "harmed"
        run_with([str(clip)], output, settings, harm)
        results = _results(output / NAME)
        different += results != wanted
        frames = read_report(output / NAME)["frames"]
        lost += frames["in"] - frames["out"]
        _, times = results
        repeated += len(times) - len(set(times))
    return Outcome(
        done,
        f"{counted(lost, 'frame')} lost, {repeated} repeated, "
        f"{counted(different, 'run')} with other results",
        not (lost or repeated or different),
    )


def kills_in_live_runs(folder: Path, kills: int) -> Outcome:
    """Sends SIGKILL in a live run; frames must soon follow each restart, and ids must not recur.

    How long a process takes to start depends on the machine: it is reported, not judged.
    """
    clip = make_clip(folder, 10 * RATE * kills)
    settings = [
        detections_setting(clip),
        "decoder.pace=original",
        "runtime.mode=live",
    ]
    rng = random.Random(1)
    since_kill: list[float] = []
    since_restart: list[float] = []

    def harm(victim: Victim) -> None:
        victim.wait_for_frames()
        while len(since_kill) < kills and victim.wait(victim.is_ready):
            victim.over.wait(rng.uniform(0.5, 1.0))
            killed = time.monotonic()
            if victim.kill_one(rng):
                victim.wait(lambda: not victim.is_ready())
                victim.wait(victim.is_ready)
                seconds = victim.wait_for_frames(20)
                if seconds is None:
                    break
                since_restart.append(seconds)
                since_kill.append(time.monotonic() - killed)
        victim.supervisor.stop()

    run_with([str(clip)], folder / "live", settings, harm)
    reused = _reused_ids(folder / "live" / NAME / TRACKS)
    latest = max(since_restart, default=float("inf"))
    return Outcome(
        len(since_kill),
        f"frames after {spread(since_kill)}, at most {latest:.2f} s after the restart; "
        f"{counted(reused, 'id')} used again",
        len(since_kill) == kills and latest < 2 and not reused,
    )


def _results(folder: Path) -> tuple[list[bytes], list[int | None]]:
    """Returns the text results, and the time of each frame of the overlay."""
    with av.open(str(folder / OVERLAY)) as container:
        times = [packet.pts for packet in container.demux(video=0) if packet.size]
    return [(folder / name).read_bytes() for name in _TEXTS], times


def _reused_ids(path: Path) -> int:
    """Counts ids that recur after a gap longer than the tracker bridges here."""
    latest: dict[int, int] = {}
    reused = 0
    for line in path.read_text().splitlines():
        frame, identity = map(int, line.split(",")[:2])
        reused += frame - latest.get(identity, frame) > 4 * RATE
        latest[identity] = frame
    return reused
