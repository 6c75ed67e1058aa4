"""What is done to the pipeline, and what came of it."""

from __future__ import annotations

import json
import os
import random
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import av

from pipeline.config import RuntimeConfig
from pipeline.plan import endpoint
from stages.errors import SpotStreamError
from tools.chaos.hostile import flood
from tools.harness.material import NAME, RATE, detections_of, make_clip
from tools.harness.rtsp import Server
from tools.harness.runner import Victim, run_with

_TEXTS = ("mot.txt", "detections.txt")
_NO_MOUNT = 77
_MOST_SECONDS_TO_REST = 10
_STARTING_SHARE = 0.1  # of the kills hit processes that are only starting


@dataclass(frozen=True, slots=True)
class Outcome:
    """One line of the table.

    Attributes:
        fault: What was done.
        times: How often.
        result: What came of it.
        passed: Whether that is as it should be; None where it could not be tried.
    """

    fault: str
    times: int
    result: str
    passed: bool | None


def kills_in_lossless_runs(folder: Path, kills: int, seed: int = 0) -> Outcome:
    """SIGKILLs to any process at any moment, over as many runs as it takes.

    All results must equal those of an undisturbed run, and the overlay must have every frame.
    """
    clip = make_clip(folder, 300)
    settings = [
        f"detector.detections={detections_of(clip)}",
        "detector.workers=2",
        "detector.delay_ms=10",
    ]
    run_with([str(clip)], folder / "calm", settings)
    wanted = _results(folder / "calm" / NAME)
    rng = random.Random(seed)
    done = lost = repeated = different = 0

    def harm(victim: Victim) -> None:
        nonlocal done
        while done < kills and not victim.over.is_set():
            if rng.random() > _STARTING_SHARE:
                victim.wait(victim.is_ready)
            victim.over.wait(rng.uniform(0, 0.4))
            done += bool(victim.kill_one(rng))

    while done < kills:
        output = folder / "harmed"
        run_with([str(clip)], output, settings, harm)
        results = _results(output / NAME)
        different += results != wanted
        frames = json.loads((output / NAME / "run.json").read_text())["frames"]
        lost += frames["in"] - frames["out"]
        repeated += _repeated_frames(output / NAME / "overlay.mp4")
    return Outcome(
        "SIGKILL, lossless",
        done,
        f"{lost} frames lost, {repeated} repeated, {different} runs with other results",
        not (lost or repeated or different),
    )


def kills_in_live_runs(folder: Path, kills: int, seed: int = 1) -> Outcome:
    """SIGKILLs to a live run; after each, frames must come again soon, and no id twice."""
    clip = make_clip(folder, 3 * RATE * kills)
    settings = [
        f"detector.detections={detections_of(clip)}",
        "decoder.pace=original",
        "runtime.mode=live",
    ]
    rng = random.Random(seed)
    times: list[float] = []

    def harm(victim: Victim) -> None:
        victim.wait_for_frames()
        while len(times) < kills and victim.wait(victim.is_ready):
            victim.over.wait(rng.uniform(0.5, 1.0))
            if victim.kill_one(rng):
                victim.over.wait(0.25)  # what was on its way may still be written
                seconds = victim.wait_for_frames(20)
                if seconds is None:
                    return
                times.append(seconds + 0.25)

    run_with([str(clip)], folder / "live", settings, harm)
    reused = _reused_ids(folder / "live" / NAME / "mot.txt")
    return Outcome(
        "SIGKILL, live",
        len(times),
        f"frames again after {_spread(times)}, {reused} ids used again",
        len(times) == kills and max(times) < 3 and not reused,
    )


def outages(folder: Path, times: int, seed: int = 2) -> Outcome:
    """An RTSP server that is killed and comes back, again and again."""
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
        "RTSP outage",
        times,
        f"{len(recovered)} recovered, {_spread(recovered)} after the server was back",
        len(recovered) == times and max(recovered) <= 2,
    )


def hostile_messages(folder: Path, messages: int, seed: int = 3) -> Outcome:
    """Nonsense and nearly right messages to every socket of a running pipeline."""
    clip = make_clip(folder, 30_000, 48, 64)
    sockets = ("detector-0", "tracker", "sink", "control", "return-0", "commands")
    restarts = growth = 0.0
    survived = False

    def harm(victim: Victim) -> None:
        nonlocal growth, survived
        victim.wait_for_frames()
        sites = [endpoint(victim.supervisor.folder, RuntimeConfig(), name) for name in sockets]
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
        "hostile messages",
        messages * len(sockets),
        f"{restarts:.0f} crashes, most growth of a process {growth:.1f} MB",
        survived and not restarts and growth < 4,
    )


def slow_detector(folder: Path, frames: int) -> Outcome:
    """A detector ten times slower than the camera: latency must stay under three detections."""
    clip = make_clip(folder, frames)
    delay = 10 * 1000 // RATE
    run_with(
        [str(clip)],
        folder / "slow",
        [
            f"detector.detections={detections_of(clip)}",
            f"detector.delay_ms={delay}",
            "decoder.pace=original",
            "runtime.mode=live",
            "runtime.in_flight=2",
        ],
    )
    report = json.loads((folder / "slow" / NAME / "run.json").read_text())
    p99 = report["latency_ms"]["p99"]
    missing = report["frames"]["missing"]
    return Outcome(
        f"detector of {delay} ms, camera of {1000 // RATE} ms",
        frames,
        f"latency p99 {p99:.0f} ms, {report['dropped']['total']} frames dropped and told, "
        f"{missing} missing",
        p99 < 3 * delay and not missing,
    )


def full_shared_memory(folder: Path) -> Outcome:
    """A ``/dev/shm`` of one page, as small as it gets: frames do not need it."""
    clip = make_clip(folder, 50)
    output = folder / "shm"
    settings = ["--set", f"detector.detections={detections_of(clip)}"]
    script = 'mount -t tmpfs -o size=4k tmpfs /dev/shm || exit 77\n"$@"'
    done = subprocess.run(
        [
            *("unshare", "-Urm", "sh", "-c", script, "sh"),
            *(sys.executable, "-P", "-m", "tools.main", "run"),
            *("--source", str(clip), "--output", str(output), *settings),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode == _NO_MOUNT or "unshare:" in done.stderr:
        return Outcome("/dev/shm full", 0, "no file system can be mounted here", None)
    if done.returncode:
        return Outcome("/dev/shm full", 1, done.stderr.strip(), False)
    frames = json.loads((output / NAME / "run.json").read_text())["frames"]["out"]
    return Outcome("/dev/shm full", 1, f"{frames} of 50 frames", frames == 50)


def full_disk(folder: Path) -> Outcome:
    """The sink's files may not grow any more, as on a full disk: one line, no half results.

    What there is of the rows is completed; the pictures make room for that.
    """
    clip = make_clip(folder, 2000)
    said = ""

    def harm(victim: Victim) -> None:
        victim.wait_for_frames()
        sink = victim.supervisor.processes()["sink"]
        resource.prlimit(sink, resource.RLIMIT_FSIZE, (20_000, 20_000))

    try:
        run_with([str(clip)], folder / "disk", [f"detector.detections={detections_of(clip)}"], harm)
    except SpotStreamError as error:
        said = str(error).replace(str(folder), "")
    left = {path.name for path in (folder / "disk").rglob("*") if path.is_file()}
    whole = left == {*_TEXTS, "run.json"}
    return Outcome("disk full", 1, said or "nothing was said", bool(said) and whole)


def _results(folder: Path) -> dict[str, object]:
    results: dict[str, object] = {name: (folder / name).read_bytes() for name in _TEXTS}
    with av.open(str(folder / "overlay.mp4")) as container:
        results["overlay"] = [packet.pts for packet in container.demux(video=0) if packet.size]
    return results


def _repeated_frames(overlay: Path) -> int:
    with av.open(str(overlay)) as container:
        times = [packet.pts for packet in container.demux(video=0) if packet.size]
    return len(times) - len(set(times))


def _reused_ids(path: Path) -> int:
    """Ids that come again after a gap longer than any tracker bridges here."""
    latest: dict[int, int] = {}
    reused = 0
    for line in path.read_text().splitlines():
        frame, identity = map(int, line.split(",")[:2])
        reused += frame - latest.get(identity, frame) > 4 * RATE
        latest[identity] = frame
    return reused


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


def _spread(times: Sequence[float]) -> str:
    if not times:
        return "never"
    return f"{statistics.median(times):.2f} s (median), {max(times):.2f} s (most)"
